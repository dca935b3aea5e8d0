// h2_server.mjs CERT KEY - a TLS server of Node's that speaks HTTP/2, and HTTP/1.1 to those who do not, and says which one it was in an answer of OpenAI's shape.
// Prints its port.
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";

const [cert, key] = process.argv.slice(2).map((path) => readFileSync(path));
const head = { id: "chatcmpl-1", created: 1, model: "gpt-x" };
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };

const server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    const content = `over HTTP/${request.httpVersion}`;
    if (!JSON.parse(body).stream) {
      const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ ...head, object: "chat.completion", choices, usage }));
      return;
    }
    const chunk = (choices, more = {}) => `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...more })}\n\n`;
    response.setHeader("content-type", "text/event-stream");
    for (const word of content.match(/.{1,4}/g)) response.write(chunk([{ index: 0, delta: { content: word } }]));
    response.write(chunk([{ index: 0, delta: {}, finish_reason: "stop" }]));
    response.end(chunk([], { usage }) + "data: [DONE]\n\n");
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
