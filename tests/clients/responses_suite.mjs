// The official client for Node over the Responses API, against the corbel in CORBEL_URL. Run by run.py.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CORBEL_CLIENTS}/package.json`);
const { default: OpenAI } = require("openai");

const client = new OpenAI({ baseURL: `${process.env.CORBEL_URL}/v1`, apiKey: process.env.CORBEL_KEY, maxRetries: 0, timeout: 30_000 });
const models = ["gpt-x", "claude-x"];
const weather = { type: "function", name: "weather", parameters: { type: "object" }, strict: false };

async function collect(stream) {
	const events = [];
	for await (const event of stream) events.push(event);
	return events;
}

const textOf = (events) => events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");

const tests = {
	async "a response has text and usage"(model) {
		const answer = await client.responses.create({ model, input: "Hello there" });
		assert.equal(answer.output_text, "You said: Hello there");
		assert.equal(answer.usage.output_tokens, 4);
		assert.equal((await client.responses.retrieve(answer.id)).output_text, answer.output_text);
		await client.responses.delete(answer.id);
		await assert.rejects(client.responses.retrieve(answer.id), OpenAI.NotFoundError);
	},

	async "a stream is numbered and assembled"(model) {
		const events = await collect(await client.responses.create({ model, input: "one 🙂 two", stream: true }));
		assert.deepEqual(
			events.map((event) => event.sequence_number),
			events.map((_, i) => i),
		);
		assert.equal(textOf(events), "You said: one 🙂 two");
		const final = await client.responses.stream({ model, input: "a b c" }).finalResponse();
		assert.equal(final.output_text, "You said: a b c");
	},

	async "a tool is called and answered"(model) {
		const first = await client.responses.create({ model, input: "hi", tools: [weather], tool_choice: "required" });
		const call = first.output.find((item) => item.type === "function_call");
		assert.deepEqual(JSON.parse(call.arguments), { input: "hi" });
		const output = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
		const second = await client.responses.create({ model, input: [output], previous_response_id: first.id, tools: [weather] });
		assert.equal(second.status, "completed");
	},

	async "a custom tool is called and answered, or refused where it is not known"(model) {
		const tools = [{ type: "custom", name: "shell" }];
		const body = { model, input: "ls -l | sort", tools, tool_choice: { type: "custom", name: "shell" } };
		if (model === "claude-x") return assert.rejects(client.responses.create(body), OpenAI.BadRequestError);
		const final = await client.responses.stream(body).finalResponse();
		assert.equal(final.output[0].input, "ls -l | sort");
		const output = { type: "custom_tool_call_output", call_id: final.output[0].call_id, output: "a" };
		assert.equal((await client.responses.create({ model, input: [output], previous_response_id: final.id, tools })).status, "completed");
	},

	async "a conversation goes on"(model) {
		const talk = await client.conversations.create({ metadata: { a: "b" } });
		await client.responses.create({ model, input: "one", conversation: talk.id });
		await client.responses.create({ model, input: "two", conversation: talk.id });
		const texts = [];
		for await (const item of client.conversations.items.list(talk.id, { order: "asc", limit: 3 })) texts.push(item.content[0].text);
		assert.deepEqual(texts, ["one", "You said: one", "two", "You said: two"]);
		assert.equal((await client.conversations.delete(talk.id)).deleted, true);
	},

	async "a background response is polled, and its stream taken up again"(model) {
		const queued = await client.responses.create({ model, input: "later on", background: true });
		assert.equal(queued.status, "queued");
		let answer = queued;
		for (const until = Date.now() + 15_000; answer.status !== "completed" && Date.now() < until; ) {
			await new Promise((resolve) => setTimeout(resolve, 20));
			answer = await client.responses.retrieve(queued.id);
		}
		assert.equal(answer.output_text, "You said: later on");
		const events = await collect(await client.responses.retrieve(queued.id, { stream: true, starting_after: 2 }));
		assert.equal(events[0].sequence_number, 3);
		assert.equal(events.at(-1).type, "response.completed");
		assert.equal(textOf(events), "You said: later on");
	},

	async "a stream that breaks off fails"(model) {
		const events = await collect(await client.responses.create({ model, input: "one two three [mock close=5]", stream: true }));
		assert.equal(events.at(-1).type, "response.failed");
		await assert.rejects(client.responses.create({ model, input: "x", tools: [{ type: "web_search" }] }), OpenAI.BadRequestError);
	},
};

let passed = 0;
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
	if (!name.replaceAll(" ", "_").includes(process.argv[2] ?? "")) continue;
	try {
		for (const model of models) await test(model);
		passed++;
		console.log(`ok      node: responses: ${name}`);
	} catch (error) {
		failed++;
		console.log(`FAILED  node: responses: ${name}\n${error.stack}`);
	}
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
