// Anthropic's official client for Node, against the corbel in CORBEL_URL. Run by run.py, which starts the world and has made the collection "manual".

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CORBEL_CLIENTS}/package.json`);
const { default: Anthropic } = require("@anthropic-ai/sdk");

const mock = process.env.MOCK_URL;
const options = { baseURL: process.env.CORBEL_URL, apiKey: process.env.CORBEL_KEY, maxRetries: 0, timeout: 30_000 };
const client = new Anthropic(options);
const models = ["claude-x", "gpt-x"]; // an upstream of the same dialect, and one of OpenAI's

const user = (content) => [{ role: "user", content }];
const ask = (model, content, more) => client.messages.create({ model, max_tokens: 100, messages: user(content), ...more });
const weather = { name: "weather", description: "Tells the weather", input_schema: { type: "object", properties: { input: { type: "string" } } } };

async function collect(stream) {
	const events = [];
	for await (const event of stream) events.push(event);
	return events;
}

async function lastUpstream() {
	const { now_ms, requests } = await (await fetch(`${mock}/_mock/requests`)).json();
	return { now_ms, request: requests.at(-1) };
}

const tests = {
	async "a plain message has text and usage"(model) {
		const answer = await ask(model, "Hello there");
		assert.deepEqual(answer.content.map((block) => block.text), ["You said: Hello there"]);
		assert.deepEqual([answer.stop_reason, answer.usage.input_tokens, answer.usage.output_tokens], ["end_turn", 2, 4]);
		assert.ok(answer._request_id);
	},

	async "a stream has the published order"(model) {
		const events = await collect(await ask(model, "one 🙂 two", { stream: true }));
		const kinds = events.map((event) => event.type);
		assert.deepEqual([kinds[0], kinds[1], ...kinds.slice(-3)], ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]);
		assert.equal(events.map((event) => event.delta?.text ?? "").join(""), "You said: one 🙂 two");
	},

	async "the stream helper assembles the message"(model) {
		const seen = [];
		const stream = client.messages.stream({ model, max_tokens: 100, messages: user("a b c") }).on("text", (text) => seen.push(text));
		const final = await stream.finalMessage();
		assert.equal(seen.join(""), "You said: a b c");
		assert.deepEqual([final.content[0].text, final.usage.output_tokens], ["You said: a b c", 5]);
	},

	async "parallel tools are called and streamed"(model) {
		const stream = client.messages.stream({ model, max_tokens: 100, tools: [weather], messages: user("hi [mock tool-call=2]") });
		const final = await stream.finalMessage();
		assert.equal(final.stop_reason, "tool_use");
		assert.deepEqual(final.content.map(({ type, name, input }) => ({ type, name, input })), Array(2).fill({ type: "tool_use", name: "weather", input: { input: "hi [mock tool-call=2]" } }));
		const results = final.content.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: "sunny" }));
		const messages = [...user("hi"), { role: "assistant", content: final.content }, { role: "user", content: [...results, { type: "text", text: "and?" }] }];
		assert.equal((await client.messages.create({ model, max_tokens: 100, tools: [weather], messages })).content[0].text, "You said: and?");
	},

	async "thinking comes with its signature or without"(model) {
		const own = model === "claude-x";
		const final = await client.messages.stream({ model, max_tokens: 100, messages: user(`hi [mock thinking${own ? "" : " like=openrouter"}]`) }).finalMessage();
		assert.equal(final.content[0].type, "thinking");
		assert.equal(final.content[0].signature.length > 0, own);
		assert.equal(final.content[1].type, "text");
	},

	async "a structured answer is parsed"(model) {
		const schema = { type: "object", properties: { age: { type: "integer" } }, required: ["age"], additionalProperties: false };
		const answer = await ask(model, "[mock say='{\"age\":36}']", { output_config: { format: { type: "json_schema", schema } } });
		assert.deepEqual(JSON.parse(answer.content[0].text), { age: 36 });
	},

	async "errors have their classes"(model) {
		await assert.rejects(new Anthropic({ ...options, apiKey: "wrong" }).messages.create({ model, max_tokens: 9, messages: user("x") }), Anthropic.AuthenticationError);
		await assert.rejects(ask("no-such-model", "x"), Anthropic.NotFoundError);
		await assert.rejects(ask(model, "x", { messages: [] }), Anthropic.BadRequestError);
		await assert.rejects(ask(model, "[mock status=429]"), Anthropic.RateLimitError);
		await assert.rejects(ask(model, "[mock status=529]"), (error) => error instanceof Anthropic.InternalServerError && error.status === 529 && error.type === "overloaded_error");
		await assert.rejects(async () => collect(await ask(model, "a b c d [mock error-event=4]", { stream: true })), Anthropic.APIError);
		await assert.rejects(async () => collect(await ask(model, "a b c d [mock reset=4]", { stream: true })));
		await assert.rejects(client.messages.stream({ model, max_tokens: 9, messages: user("a b c d [mock end=4]") }).finalMessage());
	},

	async "what may pass is tried again"(model) {
		await fetch(`${mock}/_mock/reset`, { method: "POST" });
		const answer = await new Anthropic({ ...options, maxRetries: 2 }).messages.create({ model, max_tokens: 9, messages: user("[mock status=529 retry-after=0 times=1]") });
		assert.equal(answer.type, "message");
	},

	async "a stream that is aborted ends upstream within 100 ms"(model) {
		await fetch(`${mock}/_mock/reset`, { method: "POST" });
		let seen = 0;
		for await (const _ of await ask(model, "[mock chunks=10000 pace=20]", { stream: true })) {
			if (++seen === 6) break; // leaving the loop aborts the request
		}
		const deadline = performance.now() + 3000;
		let upstream = await lastUpstream();
		const leftAt = upstream.now_ms; // a little late, so the bound is a little generous: by one local request
		while (!upstream.request.end && performance.now() < deadline) upstream = await lastUpstream();
		assert.match(upstream.request.end ?? "none", /^peer-/);
		assert.ok(upstream.request.peer_closed_ms - leftAt < 100, `${upstream.request.peer_closed_ms - leftAt} ms`);
	},

	async "tokens are counted"(model) {
		const { input_tokens } = await client.messages.countTokens({ model, messages: user("one two three") });
		assert.ok(input_tokens >= 3 && input_tokens < 20, `${input_tokens}`);
	},

	async "models are listed page by page and found"(model) {
		const names = [];
		for await (const each of client.models.list({ limit: 2 })) names.push(each.id);
		assert.ok(names.includes(model) && new Set(names).size === names.length);
		assert.equal((await client.models.retrieve(model)).type, "model");
	},

	async "an answer from documents is cited"(model) {
		const name = model === "claude-x" ? "docs-claude" : "docs";
		const final = await client.messages.stream({ model: name, max_tokens: 100, messages: user("What starts the autovacuum workers?") }).finalMessage();
		const [citation] = final.content[0].citations;
		assert.equal(citation.type, "search_result_location");
		assert.equal((await fetch(citation.source)).status, 200);
	},
};

let passed = 0;
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
	if (!name.replaceAll(" ", "_").includes(process.argv[2] ?? "")) continue;
	try {
		for (const model of models) await test(model);
		passed++;
		console.log(`ok      node: messages: ${name}`);
	} catch (error) {
		failed++;
		console.log(`FAILED  node: messages: ${name}\n${error.stack}`);
	}
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
