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
