// Vercel's AI SDK over its providers for OpenAI (chat and Responses), for servers like OpenAI's, and for Anthropic, against the corbel in CORBEL_URL. Run by run.py.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CORBEL_NODE_FRAMEWORKS}/package.json`);
const { embedMany, generateObject, generateText, stepCountIs, streamObject, streamText, tool } = require("ai");
const { createOpenAI } = require("@ai-sdk/openai");
const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");
const { createAnthropic } = require("@ai-sdk/anthropic");
const { z } = require("zod");

const options = { baseURL: `${process.env.CORBEL_URL}/v1`, apiKey: process.env.CORBEL_KEY };
globalThis.AI_SDK_LOG_WARNINGS = false;

const openai = createOpenAI(options);
const compatible = createOpenAICompatible({ ...options, name: "corbel", includeUsage: true, supportsStructuredOutputs: true });
const anthropic = createAnthropic(options);

// Each dialect, to each upstream.
const ways = ["gpt-x", "claude-x"].flatMap((model) => [
	[`chat ${model}`, openai.chat(model)],
	[`responses ${model}`, openai.responses(model)],
	[`compatible ${model}`, compatible(model)],
	[`messages ${model}`, anthropic(model)],
]);

const weather = tool({
	description: "Tells the weather.",
	inputSchema: z.object({ input: z.string() }),
	execute: async ({ input }) => `sunny in ${input}`,
});

const says = (text) => `please [mock say='${text}']`;

let pace = 100; // directives with `times` are told apart by it

const facts = {
	async "it answers with text and usage"() {
		for (const [name, model] of ways) {
			const { text, usage, finishReason } = await generateText({ model, prompt: "one two", maxRetries: 0 });
			assert.equal(text, "You said: one two", name);
			assert.equal(usage.outputTokens, 4, name);
			assert.equal(finishReason, "stop", name);
		}
	},

	async "it streams"() {
		for (const [name, model] of ways) {
			const result = streamText({ model, prompt: "one two three", maxRetries: 0, onError: ({ error }) => assert.fail(`${name}: ${error}`) });
			const pieces = [];
			for await (const piece of result.textStream) pieces.push(piece);
			assert.equal(pieces.join(""), "You said: one two three", name);
			assert.ok(pieces.length > 1, name);
			assert.equal((await result.usage).outputTokens, 5, name);
			assert.equal(await result.finishReason, "stop", name);
		}
	},

	async "it runs a tool and goes on from its result"() {
		for (const [name, model] of ways) {
			const result = await generateText({ model, prompt: `Berlin [mock tool-call times pace=${++pace}]`, tools: { weather }, stopWhen: stepCountIs(3), maxRetries: 0 });
			assert.equal(result.steps.length, 2, name);
			assert.match(JSON.stringify(result.steps[0].toolResults), /sunny in Berlin/, name);
			assert.match(result.text, /^You said:/, name);
		}
	},

	async "a tool call streams"() {
		for (const [name, model] of ways) {
			const result = streamText({ model, prompt: "Berlin", tools: { weather }, toolChoice: "required", maxRetries: 0, onError: ({ error }) => assert.fail(`${name}: ${error}`) });
			await result.consumeStream();
			const calls = await result.toolCalls;
			assert.deepEqual(calls.map((call) => [call.toolName, call.input]), [["weather", { input: "Berlin" }]], name);
		}
	},

	async "it gives structured output"() {
		const schema = z.object({ value: z.number() });
		for (const [name, model] of ways.filter(([name]) => !name.startsWith("messages"))) {
			const { object } = await generateObject({ model, schema, prompt: says('{"value": 4}'), maxRetries: 0 });
			assert.deepEqual(object, { value: 4 }, name);
			const stream = streamObject({ model, schema, prompt: says('{"value": 4}'), maxRetries: 0, onError: ({ error }) => assert.fail(`${name}: ${error}`) });
			for await (const part of stream.partialObjectStream) assert.ok(part, name);
			assert.deepEqual(await stream.object, { value: 4 }, name);
		}
	},

	async "it gives structured output over Messages, by a tool and by a format"() {
		const schema = z.object({ input: z.string() });
		for (const [name, model] of ways.filter(([name]) => name.startsWith("messages")))
			for (const [structuredOutputMode, prompt] of [["jsonTool", "this"], ["outputFormat", says('{"input": "this"}')]]) {
				const { object } = await generateObject({ model, schema, prompt, maxRetries: 0, providerOptions: { anthropic: { structuredOutputMode } } });
				assert.deepEqual(object, { input: "this" }, `${name} ${structuredOutputMode}`);
			}
	},

	async "it embeds"() {
		const { embeddings } = await embedMany({ model: openai.textEmbeddingModel("embed-x"), values: ["one two", "three"] });
		assert.equal(embeddings.length, 2);
	},

	async "an error has its status"() {
		for (const [name, model] of ways)
			await assert.rejects(generateText({ model, prompt: "[mock status=429]", maxRetries: 0 }), (error) => error.statusCode === 429 && error.isRetryable, name);
	},
};

const only = process.argv[2] ?? "";
let passed = 0;
let failed = 0;
for (const [name, fact] of Object.entries(facts)) {
	if (!name.replaceAll(" ", "_").includes(only)) continue;
	try {
		await fact();
		passed++;
		console.log(`ok      ai: ${name}`);
	} catch (error) {
		failed++;
		console.log(`FAILED  ai: ${name}\n${error.stack ?? error}`);
	}
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
