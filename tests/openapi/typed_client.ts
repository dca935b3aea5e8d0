// A client over the types that openapi-typescript makes of corbel's document. The compiler checks it, the unused ones among `@ts-expect-error` too: what is wrong by the document must be wrong by the types. Then it runs against a corbel.
import createClient from "openapi-fetch";
import type { components, paths } from "./corbel.js";

type Schemas = components["schemas"];

declare const process: { env: { CORBEL_URL: string; CORBEL_KEY: string } };

const client = createClient<paths>({ baseUrl: process.env.CORBEL_URL, headers: { authorization: `Bearer ${process.env.CORBEL_KEY}` } });

function check(fact: string, holds: boolean): void {
  if (!holds) throw new Error(fact);
  console.log(fact);
}

/** The data of a stream's events. */
function* dataOf(stream: string): Generator<string> {
  for (const event of stream.split("\n\n")) {
    const data = event.split("\n").find((line) => line.startsWith("data: "));
    if (data && data !== "data: [DONE]") yield data.slice(6);
  }
}

const chat = await client.POST("/v1/chat/completions", { body: { model: "gpt-x", messages: [{ role: "user", content: "hello" }] } });
check("a chat completion is told from an event of a stream by its members", chat.data !== undefined && "choices" in chat.data && chat.data.choices[0]?.message.content === "You said: hello");

const refused = await client.POST("/v1/chat/completions", { body: { model: "nobody", messages: [{ role: "user", content: "hello" }] } });
check("a refusal has the type of an error", refused.error?.error.code === "model_not_found");

// @ts-expect-error a role that there is not
const role: Schemas["ChatRequest"] = { model: "gpt-x", messages: [{ role: "nobody", content: "hello" }] };
check("an unknown role is no type's", role.messages.length === 1);

// @ts-expect-error a completion without choices
const none: Schemas["ChatCompletion"] = { id: "", object: "chat.completion", created: 0, model: "" };
check("members that are always there must be", none.id === "");

/** The text of a message's stream, by the types of its events alone. */
function told(event: Schemas["MessageEvent"]): string {
  switch (event.type) {
    case "content_block_delta":
      return event.delta.type === "text_delta" ? event.delta.text : "";
    case "error":
      throw new Error(event.error.message);
    case "message_start":
      // @ts-expect-error a start has no delta
      return event.delta ? "a delta" : "";
    default:
      return "";
  }
}

const streamed = await client.POST("/v1/messages", {
  body: { model: "claude-x", max_tokens: 100, messages: [{ role: "user", content: "hello" }], stream: true },
  parseAs: "text",
});
const events = [...dataOf(String(streamed.data))].map((data) => JSON.parse(data) as Schemas["MessageEvent"]);
check("the events of a message's stream are told apart by their types", events.map(told).join("") === "You said: hello");

/** What a response's items and events say, by their types alone. */
function spoken(item: Schemas["ResponseItem"]): string {
  switch (item.type) {
    case "message":
      return item.content.map((part) => (part.type === "output_text" ? part.text : "")).join("");
    case "function_call":
      return item.arguments;
    case "web_search_call":
      // @ts-expect-error what a hosted tool's item has is not known
      return item["query"].length > 0 ? "" : "";
    case "file_search_call":
      return item.queries.join(" ");
    case "reasoning":
      // @ts-expect-error thoughts are no call
      return item.call_id;
    default:
      return "";
  }
}

function heard(event: Schemas["ResponseEvent"]): string {
  switch (event.type) {
    case "response.output_text.delta":
      return event.delta;
    case "response.completed":
      return event.response.output.map(spoken).join("") === "You said: hello" ? "." : "?";
    case "error":
      throw new Error(event.message);
    case "response.output_item.done":
      // @ts-expect-error an item is no delta
      return event.delta ?? "";
    default:
      return "";
  }
}

const answered = await client.POST("/v1/responses", {
  body: { model: "gpt-x", input: [{ role: "user", content: [{ type: "input_text", text: "hello" }] }], stream: true },
  parseAs: "text",
});
const told_of = [...dataOf(String(answered.data))].map((data) => heard(JSON.parse(data) as Schemas["ResponseEvent"]));
check("the events and items of a response are told apart by their types", told_of.join("") === "You said: hello.");

const tools: Schemas["ChatTool"][] = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { input: { type: "string" } } } } }];
const called = await client.POST("/v1/chat/completions", {
  body: { model: "gpt-x", messages: [{ role: "user", content: [{ type: "text", text: "hello" }] }], tools, tool_choice: { type: "function", function: { name: "weather" } }, later: 1 },
});
const [call] = called.data && "choices" in called.data ? (called.data.choices[0]?.message.tool_calls ?? []) : [];
check("a call of a function is told from one of a custom tool", call?.type === "function" && call.function.name === "weather");

// @ts-expect-error a part of one type with the member of another
const mixed: Schemas["ChatPart"] = { type: "image_url", text: "hello" };
check("a part has the members of its type", mixed.type === "image_url");

const messaged = await client.POST("/v1/messages", {
  body: { model: "claude-x", max_tokens: 100, messages: [{ role: "user", content: [{ type: "text", text: "hello" }] }], tools: [{ name: "weather", input_schema: { type: "object" } }], tool_choice: { type: "any" } },
});
const [block] = messaged.data && "content" in messaged.data ? messaged.data.content : [];
check("a block that uses a tool has its input", block?.type === "tool_use" && block.input["input"] === "hello");

const page = await client.GET("/admin/v1/keys");
check("the keys of a page are typed", page.data?.data.some((key) => key.scopes.includes("admin")) === true);
