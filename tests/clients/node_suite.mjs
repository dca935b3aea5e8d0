// The official client for Node, against the corbel in CORBEL_URL. Run by run.py, which starts the world and has made the collection "manual".

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CORBEL_CLIENTS}/package.json`);
const { default: OpenAI, toFile } = require("openai");

const mock = process.env.MOCK_URL;
const options = { baseURL: `${process.env.CORBEL_URL}/v1`, apiKey: process.env.CORBEL_KEY, maxRetries: 0, timeout: 30_000 };
const client = new OpenAI(options);

const user = (content) => [{ role: "user", content }];
const create = (body, more) => client.chat.completions.create({ model: "gpt-x", ...body }, more);

async function collect(stream) {
	const chunks = [];
	for await (const chunk of stream) chunks.push(chunk);
	return chunks;
}

const textOf = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

async function lastUpstream() {
	const { start_monotonic_ms, now_ms, requests } = await (await fetch(`${mock}/_mock/requests`)).json();
	return { start_monotonic_ms, now_ms, request: requests.at(-1) };
}

const tests = {
	async "a plain answer has text and usage"() {
		const answer = await create({ messages: user("Hello there") });
		assert.equal(answer.choices[0].message.content, "You said: Hello there");
		assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens], [2, 4, 6]);
		assert.ok(answer._request_id);
	},

	async "a stream gives the same text, and usage where it is asked for"() {
		const chunks = await collect(await create({ messages: user("one 🙂 two"), stream: true, stream_options: { include_usage: true } }));
		assert.equal(textOf(chunks), "You said: one 🙂 two");
		assert.deepEqual(chunks.at(-1).choices, []);
		assert.equal(chunks.at(-1).usage.completion_tokens, 5);
		assert.equal(chunks.at(-2).choices[0].finish_reason, "stop");
	},

	async "the streaming helper assembles the answer"() {
		const runner = client.chat.completions.stream({ model: "gpt-x", messages: user("a b c") });
		assert.equal(await runner.finalContent(), "You said: a b c");
	},

	async "a tool is called"() {
		const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
		const answer = await create({ messages: user("hi"), tools, tool_choice: "required" });
		assert.deepEqual(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments), { input: "hi" });
	},

	async "a custom tool is called with text"() {
		const tools = [{ type: "custom", custom: { name: "shell", format: { type: "text" } } }];
		const body = { messages: user("ls -l | sort"), tools, tool_choice: { type: "custom", custom: { name: "shell" } } };
		const answer = await create(body);
		assert.deepEqual(answer.choices[0].message.tool_calls[0].custom, { name: "shell", input: "ls -l | sort" });
		const chunks = await collect(await create({ ...body, stream: true }));
		assert.equal(chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []).map((call) => call.custom.input).join(""), "ls -l | sort");
		await assert.rejects(create({ ...body, model: "claude-x" }), OpenAI.BadRequestError);
	},

	async "a kept answer is given again, whole and as a stream"() {
		const body = { model: "cached", messages: user(`Hello ${crypto.randomUUID()}`) };
		const first = await create(body).withResponse();
		const second = await create(body).withResponse();
		const third = await create({ ...body, stream: true }).withResponse();
		assert.deepEqual([first, second, third].map(({ response }) => response.headers.get("x-corbel-cache")), ["miss", "hit", "hit"]);
		assert.equal(second.data.choices[0].message.content, first.data.choices[0].message.content);
		assert.equal(textOf(await collect(third.data)), first.data.choices[0].message.content);
		assert.equal(second.data.usage.total_tokens, first.data.usage.total_tokens);
		const fresh = await create(body, { headers: { "x-corbel-cache": "refresh" } }).withResponse();
		assert.equal(fresh.response.headers.get("x-corbel-cache"), "refresh");
	},

	async "a legacy completion is whole or a stream"() {
		const answer = await client.completions.create({ model: "gpt-x", prompt: ["one", "two"], echo: true });
		assert.deepEqual(answer.choices.map((choice) => choice.text), ["oneYou said: one", "twoYou said: two"]);
		for (const model of ["gpt-x", "claude-x"]) {
			const chunks = await collect(await client.completions.create({ model, prompt: "one 🙂 two", stream: true, stream_options: { include_usage: true } }));
			assert.equal(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join(""), "You said: one 🙂 two");
			assert.equal(chunks.at(-1).usage.completion_tokens, 5);
		}
		await assert.rejects(client.completions.create({ model: "claude-x", prompt: "a", suffix: "b" }), OpenAI.BadRequestError);
	},

	async "errors have their classes"() {
		await assert.rejects(new OpenAI({ ...options, apiKey: "wrong" }).models.list(), OpenAI.AuthenticationError);
		await assert.rejects(create({ model: "no-such-model", messages: user("x") }), OpenAI.NotFoundError);
		await assert.rejects(create({ messages: [] }), OpenAI.BadRequestError);
		await assert.rejects(create({ messages: user("[mock status=429]") }), OpenAI.RateLimitError);
		await assert.rejects(create({ messages: user("[mock status=500]") }), OpenAI.InternalServerError);
		await assert.rejects(async () => collect(await create({ messages: user("a b c d [mock error-event=3]"), stream: true })), OpenAI.APIError);
		await assert.rejects(async () => collect(await create({ messages: user("a b c d [mock reset=3]"), stream: true })));
	},

	async "a stream that is aborted ends upstream within 100 ms"() {
		await fetch(`${mock}/_mock/reset`, { method: "POST" });
		const stream = await create({ messages: user("[mock chunks=10000 pace=20]"), stream: true });
		let seen = 0;
		for await (const _ of stream) {
			if (++seen === 5) break; // leaving the loop aborts the request
		}
		const began = performance.now();
		const deadline = began + 3000;
		let upstream = await lastUpstream();
		const leftAt = upstream.now_ms; // a little late, so the bound is a little generous: by one local request
		while (!upstream.request.end && performance.now() < deadline) upstream = await lastUpstream();
		assert.match(upstream.request.end ?? "none", /^peer-/);
		assert.ok(upstream.request.peer_closed_ms - leftAt < 100, `${upstream.request.peer_closed_ms - leftAt} ms`);
	},

	async "three answers are put together from a stream, with tools and with chances"() {
		const tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
		for (const more of [{}, { logprobs: true, top_logprobs: 2 }, { tools: [tool], tool_choice: "required" }]) {
			const whole = await create({ messages: user("one two"), n: 3, ...more });
			const streamed = await client.chat.completions.stream({ model: "gpt-x", messages: user("one two"), n: 3, ...more }).finalChatCompletion();
			for (const [index, choice] of streamed.choices.entries()) {
				const wanted = whole.choices[index];
				assert.equal(choice.message.content || "", wanted.message.content || "");
				assert.equal(choice.finish_reason, wanted.finish_reason);
				assert.deepEqual(choice.logprobs?.content ?? null, wanted.logprobs?.content ?? null);
				assert.deepEqual(choice.message.tool_calls?.map((call) => call.function.arguments), wanted.message.tool_calls?.map((call) => call.function.arguments));
			}
			assert.equal(streamed.choices.length, 3);
		}
	},

	async "models are listed"() {
		const names = [];
		for await (const model of client.models.list()) names.push(model.id);
		assert.ok(names.includes("gpt-x") && names.includes("docs"));
		assert.equal((await client.models.retrieve("docs")).object, "model");
	},

	async "embeddings come as vectors"() {
		const answer = await client.embeddings.create({ model: "all-MiniLM-L6-v2", input: ["one", "two"] });
		assert.deepEqual(answer.data.map((item) => item.embedding.length), [384, 384]);
		const norm = Math.hypot(...answer.data[0].embedding);
		assert.ok(Math.abs(norm - 1) < 1e-3);
	},

	async "files and vector stores work from upload to search"() {
		const file = await client.files.create({ file: await toFile(Buffer.from("The capybara is the largest rodent."), "capybara.txt"), purpose: "assistants" });
		assert.equal(await (await client.files.content(file.id)).text(), "The capybara is the largest rodent.");
		const store = await client.vectorStores.create({ name: `node-${Date.now()}` });
		const added = await client.vectorStores.files.createAndPoll(store.id, { file_id: file.id, attributes: { animal: true } }, { pollIntervalMs: 20 });
		assert.equal(added.status, "completed");
		const found = await client.vectorStores.search(store.id, { query: "largest rodent", filters: { type: "eq", key: "animal", value: true } });
		assert.equal(found.data[0].file_id, file.id);
		const uploads = [await toFile(Buffer.from("A wombat digs."), "wombat.txt"), await toFile(Buffer.from("A dingo runs."), "dingo.txt")];
		const batch = await client.vectorStores.fileBatches.uploadAndPoll(store.id, { files: uploads }, { pollIntervalMs: 20 });
		assert.equal(batch.file_counts.completed, 2);
		const names = [];
		for await (const each of client.vectorStores.files.list(store.id, { limit: 2 })) names.push(each.id);
		assert.equal(names.length, 3);
		assert.equal((await client.vectorStores.delete(store.id)).deleted, true);
		assert.equal((await client.files.delete(file.id)).deleted, true);
		await assert.rejects(client.files.retrieve(file.id), OpenAI.NotFoundError);
	},

	async "an answer from documents is cited"() {
		const { message } = (await create({ model: "docs", messages: user("What starts the autovacuum workers?") })).choices[0];
		const [{ type, url_citation }] = message.annotations;
		assert.equal(type, "url_citation");
		// Positions count characters, not UTF-16 units.
		assert.equal([...message.content].slice(url_citation.start_index, url_citation.end_index).join(""), "[1]");
		assert.equal((await fetch(url_citation.url)).status, 200);
	},
};

let passed = 0;
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
	if (!name.replaceAll(" ", "_").includes(process.argv[2] ?? "")) continue;
	try {
		await test();
		passed++;
		console.log(`ok      node: ${name}`);
	} catch (error) {
		failed++;
		console.log(`FAILED  node: ${name}\n${error.stack}`);
	}
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
