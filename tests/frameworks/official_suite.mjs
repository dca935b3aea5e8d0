// The official clients for Node: OpenAI's over chat completions and the Responses API, Anthropic's over Messages.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { CHAT, MESSAGES, RESPONSES, flow, key, run, says, url } from "./world.mjs";

const folder = process.env.CORBEL_CLIENTS;
const require = createRequire(`${folder}/package.json`);
const { default: OpenAI } = require("openai");
const { zodResponseFormat, zodTextFormat } = require("openai/helpers/zod");
const { default: Anthropic } = require("@anthropic-ai/sdk");
const { zodOutputFormat } = require("@anthropic-ai/sdk/helpers/zod");
const { z } = require("zod");

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 30_000 });
const claude = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 30_000 });
const user = (content) => ({ role: "user", content });
const parameters = { type: "object", properties: { input: { type: "string" } }, required: ["input"], additionalProperties: false };
const Answer = z.object({ value: z.number() });

const chat = (model) => {
	const tools = [{ type: "function", function: { name: "weather", description: "Tells the weather.", strict: true, parameters } }];
	return {
		async answer(text) {
			const { choices, usage } = await openai.chat.completions.create({ model, messages: [user(text)] });
			return [choices[0].message.content, usage.completion_tokens];
		},
		async pieces(text) {
			const pieces = [];
			const stream = openai.chat.completions.stream({ model, messages: [user(text)] }).on("content", (piece) => pieces.push(piece));
			assert.equal(await stream.finalContent(), pieces.join(""));
			return pieces;
		},
		async tool(text, result) {
			const first = (await openai.chat.completions.create({ model, messages: [user(text)], tools, tool_choice: "required" })).choices[0].message;
			const [call] = first.tool_calls;
			const messages = [user(text), first, { role: "tool", tool_call_id: call.id, content: result }, user("and?")];
			const final = await openai.chat.completions.create({ model, messages, tools });
			return [call.function.name, JSON.parse(call.function.arguments), final.choices[0].message.content];
		},
		parsed: async (text) => (await openai.chat.completions.parse({ model, messages: [user(text)], response_format: zodResponseFormat(Answer, "answer") })).choices[0].message.parsed,
	};
};

const responses = (model) => {
	const tools = [{ type: "function", name: "weather", description: "Tells the weather.", strict: true, parameters }];
	return {
		async answer(text) {
			const answer = await openai.responses.create({ model, input: text });
			return [answer.output_text, answer.usage.output_tokens];
		},
		async pieces(text) {
			const pieces = [];
			const stream = openai.responses.stream({ model, input: text }).on("response.output_text.delta", ({ delta }) => pieces.push(delta));
			assert.equal((await stream.finalResponse()).output_text, pieces.join(""));
			return pieces;
		},
		async tool(text, result) {
			const first = await openai.responses.create({ model, input: text, tools, tool_choice: "required" });
			const call = first.output.find(({ type }) => type === "function_call");
			const input = [{ type: "function_call_output", call_id: call.call_id, output: result }, user("and?")];
			return [call.name, JSON.parse(call.arguments), (await openai.responses.create({ model, input, previous_response_id: first.id, tools })).output_text];
		},
		parsed: async (text) => (await openai.responses.parse({ model, input: text, text: { format: zodTextFormat(Answer, "answer") } })).output_parsed,
	};
};

const messages = (model) => {
	const body = { model, max_tokens: 100 };
	const tools = [{ name: "weather", description: "Tells the weather.", input_schema: parameters }];
	return {
		async answer(text) {
			const { content, usage } = await claude.messages.create({ ...body, messages: [user(text)] });
			return [content[0].text, usage.output_tokens];
		},
		async pieces(text) {
			const pieces = [];
			const stream = claude.messages.stream({ ...body, messages: [user(text)] }).on("text", (piece) => pieces.push(piece));
			assert.equal((await stream.finalMessage()).content[0].text, pieces.join(""));
			return pieces;
		},
		async tool(text, result) {
			const { content } = await claude.messages.create({ ...body, messages: [user(text)], tools, tool_choice: { type: "any" } });
			const { id, name, input } = content.at(-1);
			const results = user([{ type: "tool_result", tool_use_id: id, content: result }, { type: "text", text: "and?" }]);
			const final = await claude.messages.create({ ...body, messages: [user(text), { role: "assistant", content }, results], tools });
			return [name, input, final.content[0].text];
		},
		parsed: async (text) => (await claude.messages.parse({ ...body, messages: [user(text)], output_config: { format: zodOutputFormat(Answer) } })).parsed_output,
	};
};

const ways = [
	{ client: "openai", api: CHAT, make: chat },
	{ client: "openai", api: RESPONSES, make: responses },
	{ client: "@anthropic-ai/sdk", api: MESSAGES, make: messages },
];

const facts = {
	"it answers with text and usage": flow("basic", ways, async (model) => {
		assert.deepEqual(await model.answer("one two"), ["You said: one two", 4]);
	}),

	"it streams": flow("stream", ways, async (model) => {
		const pieces = await model.pieces("one two three");
		assert.equal(pieces.join(""), "You said: one two three");
		assert.ok(pieces.length > 1);
	}),

	"it calls a tool and goes on from its result": flow("tool call", ways, async (model) => {
		assert.deepEqual(await model.tool("Berlin", "sunny"), ["weather", { input: "Berlin" }, "You said: and?"]);
	}),

	"it parses an answer by a schema": flow("structured output", ways, async (model) => {
		assert.deepEqual(await model.parsed(says('{"value": 4}')), { value: 4 });
	}),
};

await run("official", facts, folder);
