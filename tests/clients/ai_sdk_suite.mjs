// Vercel's AI SDK (7, and 6 where it says so) with its hooks for React, and a browser's EventSource for Node, against the corbel in CORBEL_URL. Run by run.py, which has made the collection "manual".

import assert from "node:assert/strict";
import { createServer, request as httpRequest } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.CORBEL_CLIENTS}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const [sdk7, sdk6, hooks, { EventSource }] = await Promise.all([load("ai"), load("ai-6"), load("@ai-sdk/react"), load("eventsource")]);
const React = require("react");
const { create } = require("react-test-renderer");
const { z } = await load("zod");

const { CORBEL_URL: url, CORBEL_KEY: key, MOCK_URL: mock } = process.env;
const headers = { authorization: `Bearer ${key}` };
const PACED = "one two 🙂 [mock pace=20 chunks=40]";

const transport = (model, body = {}, sdk = sdk7) => new sdk.DefaultChatTransport({ api: `${url}/v1/ai-sdk/chat`, headers, body: { model, ...body } });
const chatOf = (model, more = {}, body = {}) => new hooks.Chat({ transport: transport(model, body), onError: () => {}, ...more });
const user = (text, ...files) => ({ id: "u1", role: "user", parts: [{ type: "text", text }, ...files] });
const textOf = (message) => message.parts.filter((part) => part.type === "text").map((part) => part.text).join("");
const kinds = (message) => message.parts.map((part) => part.type);
const unique = (name) => `${name}-${process.hrtime.bigint()}`;

async function until(look, what) {
	const end = performance.now() + 10_000;
	for (;;) {
		const found = await look();
		if (found) return found;
		assert.ok(performance.now() < end, `waited in vain for ${what}`);
		await new Promise((done) => setTimeout(done, 10));
	}
}

async function ask(sdk, model, messages, body = {}) {
	const stream = await transport(model, body, sdk).sendMessages({ chatId: unique("chat"), messages, trigger: "submit-message", messageId: undefined });
	let last;
	for await (const message of sdk.readUIMessageStream({ stream, terminateOnError: true })) last = message;
	return last;
}

const upstreams = async () => (await (await fetch(`${mock}/_mock/requests`)).json()).requests;
const lastAsked = async () => JSON.parse((await upstreams()).at(-1).body);

// What a hook gives, after each render.
async function render(hook) {
	const seen = { all: [] };
	const Probe = () => {
		seen.now = hook();
		seen.all.push(seen.now);
		return null;
	};
	seen.root = create(React.createElement(Probe));
	await until(() => seen.now, "the first render");
	return seen;
}

// An HTTP server in front of corbel that cuts an answer after so many bytes, each time less.
async function cutter(...bytes) {
	const cuts = [];
	const server = createServer((from, to) => {
		const out = httpRequest(url + from.url, { headers: { ...from.headers, host: new URL(url).host } }, (answer) => {
			let left = bytes.shift() ?? Infinity;
			cuts.push(from.headers["last-event-id"]);
			to.writeHead(answer.statusCode, answer.headers);
			answer.on("data", (piece) => {
				if (left <= 0) return;
				const cut = piece.length >= left;
				to.write(piece.subarray(0, left), () => cut && to.destroy());
				left -= piece.length;
				if (cut) answer.destroy();
			});
			answer.on("end", () => to.end());
			answer.on("error", () => {});
		});
		out.end();
	});
	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	return { server, cuts, url: `http://127.0.0.1:${server.address().port}` };
}

const tests = {
	async "an answer is a UI message, whoever serves it, for versions 7 and 6"() {
		for (const sdk of [sdk7, sdk6]) {
			for (const model of ["gpt-x", "claude-x"]) {
				const message = await ask(sdk, model, [user("Hello 🙂 there")]);
				assert.deepEqual(kinds(message), ["step-start", "text"]);
				assert.equal(textOf(message), "You said: Hello 🙂 there");
				assert.match(message.id, /^msg_/);
			}
		}
	},

	async "reasoning has parts of its own"() {
		const message = await ask(sdk7, "claude-x", [user("a b [mock thinking]")]);
		assert.deepEqual(kinds(message), ["step-start", "reasoning", "text"]);
		assert.ok(message.parts[1].text.length > 0 && message.parts[1].state === "done");
	},

	async "a chat goes on over several turns, and a turn is made again"() {
		const chat = chatOf("gpt-x", { id: unique("turns") });
		await chat.sendMessage({ text: "first" });
		await chat.sendMessage({ text: "second" });
		assert.equal(chat.status, "ready");
		assert.deepEqual(chat.messages.map((message) => message.role), ["user", "assistant", "user", "assistant"]);
		const asked = await lastAsked();
		assert.deepEqual(asked.messages.map((message) => [message.role, message.content]), [["user", "first"], ["assistant", "You said: first"], ["user", "second"]]);
		await chat.regenerate();
		assert.equal(chat.messages.length, 4);
		assert.equal(textOf(chat.messages[3]), "You said: second");
	},

	async "the rest of the body is that of a chat completion, and system comes first"() {
		await ask(sdk7, "gpt-x", [user("hi")], { system: "be brief", temperature: 0.5, max_tokens: 7 });
		const asked = await lastAsked();
		assert.deepEqual([asked.temperature, asked.max_tokens, asked.messages[0], asked.id, asked.trigger], [0.5, 7, { role: "system", content: "be brief" }, undefined, undefined]);
	},

	async "images and files of a user reach the model, and what cannot is refused"() {
		const image = { type: "file", mediaType: "image/png", url: "data:image/png;base64,iVBORw0KGgo=" };
		const pdf = { type: "file", mediaType: "application/pdf", filename: "a.pdf", url: "data:application/pdf;base64,JVBERi0=" };
		await ask(sdk7, "gpt-x", [user("look", image, pdf)]);
		const { content } = (await lastAsked()).messages[0];
		assert.deepEqual(content.map((part) => part.type), ["text", "image_url", "file"]);
		assert.equal(content[1].image_url.url, image.url);
		await assert.rejects(ask(sdk7, "gpt-x", [user("look", { ...pdf, url: "https://example.org/a.pdf" })]), /messages\[0\]\.parts\[1\].*data: URL/);
	},

	async "the page's tools are called, and their outputs go back"() {
		const tools = [{ type: "function", function: { name: "weather", description: "Tells the weather", parameters: { type: "object" } } }];
		for (const [model, pace] of [["gpt-x", 1], ["claude-x", 2]]) {
			const called = [];
			const chat = chatOf(model, { onToolCall: ({ toolCall }) => void called.push(toolCall), sendAutomaticallyWhen: sdk7.lastAssistantMessageIsCompleteWithToolCalls }, { tools });
			await chat.sendMessage({ text: `${model} is asked [mock times tool-call pace=${pace}]` });
			assert.equal(called.length, 1);
			assert.equal(called[0].toolName, "weather");
			assert.equal(typeof called[0].input.input, "string");
			assert.equal(chat.messages[1].parts.find((part) => part.type === "tool-weather").state, "input-available");
			await assert.rejects(ask(sdk7, model, [...chat.messages, user("x")]), /no output yet/);
			await chat.addToolOutput({ tool: "weather", toolCallId: called[0].toolCallId, output: { degrees: 20 } });
			await until(() => chat.status === "ready" && textOf(chat.messages[1]), "the answer to the output");
			assert.equal(chat.messages.length, 2, "the assistant's message goes on");
			assert.match(textOf(chat.messages[1]), /^You said:/);
		}
		const { messages } = JSON.parse((await upstreams()).filter((request) => request.path.endsWith("/chat/completions")).at(-1).body);
		assert.deepEqual(messages.map((message) => message.role), ["user", "assistant", "tool"]);
		assert.equal(messages[2].content, '{"degrees":20}');
	},

	async "citations of a collection's model are sources"() {
		const message = await ask(sdk7, "docs", [user("How does the autovacuum launcher start workers?")]);
		const sources = message.parts.filter((part) => part.type === "source-url");
		assert.ok(sources.length >= 1 && sources[0].title && sources[0].sourceId);
		assert.equal((await fetch(sources[0].url)).status, 200);
	},

	async "errors reach the page, before an answer and in its middle"() {
		const missing = chatOf("no-such-model");
		await missing.sendMessage({ text: "x" });
		assert.equal(missing.status, "error");
		assert.match(missing.error.message, /no-such-model/);
		const broken = chatOf("gpt-x");
		await broken.sendMessage({ text: "a b c d [mock close=4]" });
		assert.equal(broken.status, "error");
		assert.ok(broken.error.message.length > 10);
		const finished = [];
		const cut = chatOf("gpt-x", { onFinish: (event) => finished.push(event) });
		await cut.sendMessage({ text: "a b c d [mock error-event=4]" });
		assert.equal(finished[0].isError, true);
	},

	async "a stop ends the call upstream, where nothing says that it goes on"() {
		await fetch(`${mock}/_mock/reset`, { method: "POST" });
		const chat = chatOf("gpt-x");
		void chat.sendMessage({ text: "[mock endless pace=20]" });
		await until(() => chat.messages[1] && textOf(chat.messages[1]).length > 20, "some text");
		await chat.stop();
		await until(async () => /^peer-/.test((await upstreams()).at(-1)?.end ?? ""), "the end upstream");
	},

	async "a page that comes back gets the whole message, live, and one that is not needed gets none"() {
		for (const sdk of [sdk7, sdk6]) {
			const id = unique("resumed");
			const left = chatOf("going-on", { id });
			void left.sendMessage({ text: PACED });
			await until(() => left.messages[1] && textOf(left.messages[1]).length > 30, "some text");
			await left.stop();
			const stream = await transport("going-on", {}, sdk).reconnectToStream({ chatId: id });
			let last;
			const lengths = new Set();
			for await (const message of sdk.readUIMessageStream({ stream })) (last = message), lengths.add(textOf(message).length);
			assert.equal(textOf(last).split(" ").length, 40);
			assert.ok(textOf(last).startsWith(textOf(left.messages[1])) && lengths.size > 10);
			assert.equal(last.id, left.messages[1].id);
			await until(async () => (await transport("going-on", {}, sdk).reconnectToStream({ chatId: id })) === null, "that it was had");
		}
		assert.equal(await transport("going-on").reconnectToStream({ chatId: unique("never") }), null);
	},

	async "an answer that ended while the page was away is there once"() {
		const id = unique("away");
		const left = chatOf("going-on", { id });
		void left.sendMessage({ text: PACED });
		await until(() => left.messages[1] && textOf(left.messages[1]).length > 10, "some text");
		await left.stop();
		await new Promise((done) => setTimeout(done, 1500));
		const back = chatOf("going-on", { id, messages: left.messages });
		await back.resumeStream();
		assert.equal(back.messages.length, 2);
		assert.equal(textOf(back.messages[1]).split(" ").length, 40);
		await until(async () => (await transport("going-on").reconnectToStream({ chatId: id })) === null, "that it was had");
	},

	async "a stream that goes on is cancelled, which the page sees as an abort"() {
		const id = unique("cancelled");
		const finished = [];
		const chat = chatOf("going-on", { id, onFinish: (event) => finished.push(event) });
		const sent = chat.sendMessage({ text: "[mock endless pace=20]" });
		await until(() => chat.messages[1] && textOf(chat.messages[1]).length > 10, "some text");
		const back = chatOf("going-on", { id, messages: chat.messages.slice(0, 1), onFinish: (event) => finished.push(event) });
		const resumed = back.resumeStream();
		await until(() => back.messages[1] && textOf(back.messages[1]).length > 10, "some text for the one that came back");
		assert.equal((await fetch(`${url}/v1/ai-sdk/chat/${id}/cancel`, { method: "POST", headers })).status, 204);
		await Promise.all([sent, resumed]);
		assert.ok(textOf(chat.messages[1]).length > 10 && textOf(back.messages[1]).length > 10);
	},

	async "pages that ask the same share one call, and each is taken up by its own id"() {
		const question = unique(PACED);
		const seen = [];
		const page = (id, more = {}) => {
			const noting = async (to, init) => (seen.push(await fetch(to, init)), seen.at(-1));
			return new hooks.Chat({ id, transport: new sdk7.DefaultChatTransport({ api: `${url}/v1/ai-sdk/chat`, headers, body: { model: "cached-going-on" }, fetch: noting }), onError: () => {}, ...more });
		};
		const ids = [unique("leads"), unique("follows")];
		const pages = ids.map((id) => page(id));
		await fetch(`${mock}/_mock/reset`, { method: "POST" });
		for (const chat of pages) {
			void chat.sendMessage({ text: question });
			await until(() => chat.messages[1] && textOf(chat.messages[1]).length > 10, "some text");
		}
		for (const chat of pages) await chat.stop();
		assert.deepEqual(seen.map((answer) => answer.headers.get("x-corbel-cache")), ["miss", "shared"]);
		const texts = [];
		for (const [i, id] of ids.entries()) {
			const back = page(id, { messages: pages[i].messages });
			await back.resumeStream();
			texts.push(textOf(back.messages[1]));
		}
		assert.equal(texts[0], texts[1]);
		assert.equal(texts[0].split(" ").length, 40);
		const late = page(unique("late"));
		await late.sendMessage({ text: question });
		assert.equal(seen.at(-1).headers.get("x-corbel-cache"), "hit");
		assert.equal(textOf(late.messages[1]), texts[0]);
		assert.notEqual(late.messages[1].id, pages[0].messages[1].id);
		assert.equal((await upstreams()).length, 1);
		await until(async () => (await transport("cached-going-on").reconnectToStream({ chatId: late.id })) === null, "that it was had");
	},

	async "an object is kept, and comes again as text"() {
		const schema = z.toJSONSchema(z.object({ name: z.string() }));
		const submit = async (prompt) => {
			const answer = await fetch(`${url}/v1/ai-sdk/object`, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify({ model: "cached-going-on", prompt, schema }) });
			return [answer.headers.get("x-corbel-cache"), answer.headers.get("x-corbel-stream"), await answer.text()];
		};
		const prompt = `${unique("Make one")} [mock say='{"name": "Ünï"}']`;
		const [first, again] = [await submit(prompt), await submit(prompt)];
		assert.deepEqual([first[0], again[0], first[1], again[1]], ["miss", "hit", null, null]);
		assert.deepEqual(JSON.parse(again[2]), { name: "Ünï" });
		assert.equal(again[2], first[2]);
	},

	async "useChat for React shows an answer as it comes"() {
		const seen = await render(() => hooks.useChat({ transport: transport("gpt-x") }));
		await seen.now.sendMessage({ text: "one two three [mock pace=15 chunks=20]" });
		await until(() => seen.now.status === "ready" && seen.now.messages.length === 2, "the answer");
		assert.equal(textOf(seen.now.messages[1]).split(" ").length, 20);
		assert.ok(new Set(seen.all.map((now) => now.status)).has("streaming"));
		seen.root.unmount();
	},

	async "useObject for React grows an object of the schema"() {
		const schema = z.object({ name: z.string(), tags: z.array(z.string()) });
		const object = { name: "Ünï 🙂", tags: ["a", "b", "c"] };
		const done = [];
		const seen = await render(() => hooks.useObject({ api: `${url}/v1/ai-sdk/object`, schema, headers, onFinish: (event) => done.push(event), onError: (error) => done.push({ error }) }));
		const said = JSON.stringify(object).replaceAll(",", ", ");
		seen.now.submit({ model: "gpt-x", prompt: `Make one [mock pace=10 say='${said}']`, schema: z.toJSONSchema(schema), schemaName: "thing" });
		await until(() => done.length, "the object");
		assert.equal(done[0].error, undefined);
		assert.deepEqual(done[0].object, object);
		assert.ok(seen.all.some((now) => now.object && !now.object.tags?.length), "it was seen before it was whole");
		const asked = await lastAsked();
		assert.deepEqual([asked.response_format.type, asked.response_format.json_schema.name, asked.response_format.json_schema.schema.required], ["json_schema", "thing", ["name", "tags"]]);
		done.length = 0;
		seen.now.submit({ model: "gpt-x", prompt: "a b c d e f [mock reset=4 pace=5]", schema: z.toJSONSchema(schema) });
		await until(() => done.length, "the error");
		assert.ok(done[0].error);
		done.length = 0;
		seen.now.submit({ model: "gpt-x", prompt: "x" });
		await until(() => done.length, "the refusal");
		assert.match(done[0].error.message, /schema: expected the JSON Schema/);
		seen.root.unmount();
	},

	async "useCompletion for React takes a prompt"() {
		const seen = await render(() => hooks.useCompletion({ api: `${url}/v1/ai-sdk/chat`, headers, body: { model: "gpt-x" } }));
		assert.equal(await seen.now.complete("a prompt"), "You said: a prompt");
		seen.root.unmount();
	},

	async "an EventSource that is cut again and again has every event once"() {
		const body = JSON.stringify({ model: "going-on", stream: true, messages: [{ role: "user", content: PACED }] });
		const leaving = new AbortController();
		const begun = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body, signal: leaving.signal });
		const id = begun.headers.get("x-corbel-stream");
		await begun.body.getReader().read();
		leaving.abort();
		const proxy = await cutter(2000, 3000, 2500);
		const got = [];
		await new Promise((done) => {
			const source = new EventSource(`${proxy.url}/v1/chat/completions/${id}`, { fetch: (to, init) => fetch(to, { ...init, headers: { ...init.headers, ...headers } }) });
			source.onmessage = (event) => {
				got.push([event.lastEventId, event.data]);
				if (event.data === "[DONE]") source.close(), done();
			};
		});
		proxy.server.close();
		proxy.server.closeAllConnections();
		assert.ok(proxy.cuts.length === 4 && proxy.cuts[0] === undefined && Number(proxy.cuts[3]) > Number(proxy.cuts[1]), `${proxy.cuts}`);
		const uncut = await (await fetch(`${url}/v1/chat/completions/${id}?stream=true`, { headers })).text();
		assert.deepEqual(got, [...uncut.matchAll(/^id: (\d+)\ndata: (.*)$/gm)].map((match) => [match[1], match[2]]));
		assert.deepEqual(got.map(([number]) => Number(number)), got.map((_, index) => index));
	},
};

let passed = 0;
let failed = 0;
const only = (process.argv[2] ?? "").replaceAll("_", " ");
console.warn = console.error = () => {}; // the renderer's advice
for (const [name, test] of Object.entries(tests)) {
	if (!name.includes(only)) continue;
	const timer = setTimeout(() => {
		console.log(`FAILED  ${name}\nstill running after 60 s\n${passed} passed, ${failed + 1} failed`);
		process.exit(1);
	}, 60_000);
	try {
		await test();
		passed++;
		console.log(`ok      ${name}`);
	} catch (error) {
		failed++;
		console.log(`FAILED  ${name}\n${error.stack}`);
	}
	clearTimeout(timer);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
