// Vercel's AI SDK (7, and 6) over its providers for OpenAI (chat and Responses), for servers like OpenAI's, and for Anthropic.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { CHAT, MESSAGES, RESPONSES, callsOnce, flow, key, run, says, upstreams, url } from "./world.mjs";

const folder = process.env.CORBEL_NODE_FRAMEWORKS;
const require = createRequire(`${folder}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { z } = require("zod");

const options = { baseURL: `${url}/v1`, apiKey: key };
globalThis.AI_SDK_LOG_WARNINGS = false;

// A version of the SDK, and its providers for it: the folders that they are installed in.
async function generation(sdk, openaiName, compatibleName, anthropicName) {
	const [ai, { createOpenAI }, { createOpenAICompatible }, { createAnthropic }] = await Promise.all([sdk, openaiName, compatibleName, anthropicName].map(load));
	const openai = createOpenAI(options);
	const compatible = createOpenAICompatible({ ...options, name: "corbel", includeUsage: true, supportsStructuredOutputs: true });
	const anthropic = createAnthropic(options);
	return [
		{ client: openaiName, api: CHAT, make: (name) => ({ ai, model: openai.chat(name) }) },
		{ client: openaiName, api: RESPONSES, make: (name) => ({ ai, model: openai.responses(name), embedder: openai.textEmbeddingModel("embed-x") }) },
		{ client: compatibleName, api: CHAT, make: (name) => ({ ai, model: compatible(name) }) },
		{ client: anthropicName, api: MESSAGES, make: (name) => ({ ai, model: anthropic(name) }) },
	];
}

const all = [
	...(await generation("ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "@ai-sdk/anthropic")),
	...(await generation("ai-6", "@ai-sdk/openai-3", "@ai-sdk/openai-compatible-2", "@ai-sdk/anthropic-3")),
];
const [messages, ways] = [all.filter(({ api }) => api === MESSAGES), all.filter(({ api }) => api !== MESSAGES)];

const weather = (ai) =>
	ai.tool({
		description: "Tells the weather.",
		inputSchema: z.object({ input: z.string() }),
		execute: async ({ input }) => `sunny in ${input}`,
	});

const fail = ({ error }) => assert.fail(`${error}`);

const facts = {
	"it answers with text and usage": flow("basic", all, async ({ ai, model }) => {
		const { text, usage, finishReason } = await ai.generateText({ model, prompt: "one two", maxRetries: 0 });
		assert.deepEqual([text, usage.outputTokens, finishReason], ["You said: one two", 4, "stop"]);
	}),

	"it streams": flow("stream", all, async ({ ai, model }) => {
		const result = ai.streamText({ model, prompt: "one two three", maxRetries: 0, onError: fail });
		const pieces = [];
		for await (const piece of result.textStream) pieces.push(piece);
		assert.equal(pieces.join(""), "You said: one two three");
		assert.ok(pieces.length > 1);
		assert.equal((await result.usage).outputTokens, 5);
		assert.equal(await result.finishReason, "stop");
	}),

	"it runs a tool and goes on from its result": flow("tool call", all, async ({ ai, model }) => {
		const result = await ai.generateText({ model, prompt: callsOnce("Berlin"), tools: { weather: weather(ai) }, stopWhen: ai.stepCountIs(3), maxRetries: 0 });
		assert.equal(result.steps.length, 2);
		assert.match(JSON.stringify(result.steps[0].toolResults), /sunny in Berlin/);
		assert.match(result.text, /^You said:/);
	}),

	"a tool call streams": flow("tool call", all, async ({ ai, model }) => {
		const result = ai.streamText({ model, prompt: "Berlin", tools: { weather: weather(ai) }, toolChoice: "required", maxRetries: 0, onError: fail });
		await result.consumeStream();
		const calls = await result.toolCalls;
		assert.deepEqual(calls.map((call) => [call.toolName, call.input]), [["weather", { input: "Berlin" }]]);
	}),

	"it gives structured output": flow("structured output", ways, async ({ ai, model }) => {
		const schema = z.object({ value: z.number() });
		const { object } = await ai.generateObject({ model, schema, prompt: says('{"value": 4}'), maxRetries: 0 });
		assert.deepEqual(object, { value: 4 });
		const stream = ai.streamObject({ model, schema, prompt: says('{"value": 4}'), maxRetries: 0, onError: fail });
		for await (const part of stream.partialObjectStream) assert.ok(part);
		assert.deepEqual(await stream.object, { value: 4 });
	}),

	"it gives structured output over Messages, by a tool and by a format": flow("structured output", messages, async ({ ai, model }) => {
		const schema = z.object({ input: z.string() });
		for (const [structuredOutputMode, prompt] of [["jsonTool", "this"], ["outputFormat", says('{"input": "this"}')]]) {
			const { object } = await ai.generateObject({ model, schema, prompt, maxRetries: 0, providerOptions: { anthropic: { structuredOutputMode } } });
			assert.deepEqual(object, { input: "this" }, structuredOutputMode);
		}
	}),

	async "it embeds"() {
		for (const way of all.filter(({ api }) => api === RESPONSES)) {
			const { ai, embedder } = way.make("gpt-x");
			const { embeddings } = await ai.embedMany({ model: embedder, values: ["one two", "three"] });
			assert.equal(embeddings.length, 2, way.client);
		}
	},

	async "an error has its status"() {
		for (const way of all)
			for (const name of Object.keys(upstreams)) {
				const { ai, model } = way.make(name);
				await assert.rejects(ai.generateText({ model, prompt: "[mock status=429]", maxRetries: 0 }), (error) => error.statusCode === 429 && error.isRetryable, `${way.client} ${name}`);
			}
	},
};

await run("ai", facts, folder);
