// What the Node suites share: flows of the table in docs/clients.md, stated of each way to ask a model and each upstream, as world.py has them for Python.

import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

export const url = process.env.CORBEL_URL;
export const key = process.env.CORBEL_KEY;
export const upstreams = { "gpt-x": "OpenAI", "claude-x": "Anthropic" };
export const [CHAT, RESPONSES, MESSAGES] = ["Chat Completions", "Responses", "Messages"];

// A message at which the mock gives this answer.
export const says = (text) => `please [mock say='${text}']`;

let turn = process.pid * 100;
// A message at which the mock calls a tool, and answers when it comes again; told apart from others by a header of the answer that means nothing there.
export const callsOnce = (text) => `${text} [mock tool-call times retry-after=${turn++}]`;

// The fact is a flow of the table, and holds for each of these ways: {client, api, make, lacks?}.
export const flow = (name, ways, fact) => Object.assign(fact, { flow: name, ways });

// The name and version of what is installed in a folder, which may have a name of its own.
const packageOf = (folder, client) => {
	const { name, version } = JSON.parse(readFileSync(`${folder}/node_modules/${client}/package.json`));
	return { package: name, version };
};

// What is to be called for a fact: a text that says what holds, the call, and what to do with its success.
function* callsOf(name, fact, folder) {
	if (!fact.flow) {
		yield [name, fact, () => {}];
		return;
	}
	for (const way of fact.ways)
		for (const [model, upstream] of Object.entries(upstreams)) {
			const cell = { ...packageOf(folder, way.client), language: "Node", api: way.api, flow: fact.flow, upstream };
			const tell = (more) => console.log(`cell ${JSON.stringify({ ...cell, ...more })}`);
			if (way.lacks?.[fact.flow]) tell({ lacks: way.lacks[fact.flow] });
			else yield [`${name} (${way.client}, ${way.api}: ${fact.flow}, ${upstream})`, () => fact(way.make(model)), tell];
		}
}

const inTime = async (call) => {
	const stop = new AbortController();
	const late = wait(60_000, null, { signal: stop.signal }).then(() => {
		throw new Error("still running after 60 s");
	});
	try {
		await Promise.race([call(), late]);
	} finally {
		late.catch(() => {});
		stop.abort();
	}
};

// Calls each fact whose name has what is asked for; prints how it went, and the sum last. The packages lie in the folder.
export async function run(title, facts, folder) {
	const only = process.argv[2] ?? "";
	let passed = 0;
	let failed = 0;
	for (const [name, fact] of Object.entries(facts)) {
		if (!name.replaceAll(" ", "_").includes(only)) continue;
		for (const [said, call, tell] of callsOf(name, fact, folder)) {
			try {
				await inTime(call);
				passed++;
				tell({ good: true });
				console.log(`ok      ${title}: ${said}`);
			} catch (error) {
				failed++;
				tell({ good: false });
				console.log(`FAILED  ${title}: ${said}\n${error.stack ?? error}`);
			}
		}
	}
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
}
