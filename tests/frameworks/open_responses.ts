// Runs the compliance tests of Open Responses in the checkout that is the working directory: open_responses.py starts what they ask.
//   tsx open_responses.ts CHECKOUT URL KEY MODEL MODEL-THAT-CALLS-TOOLS...   (pairs)
const [checkout, url, key, ...models] = process.argv.slice(2);

async function main(): Promise<void> {
  const { runAllTests } = await import(`${checkout}/src/lib/compliance-tests.ts`);
  for (let i = 0; i + 1 < models.length; i += 2) {
    for (const calls of [false, true]) {
      const model = models[i + Number(calls)];
      const asked = { baseUrl: url, apiKey: key, authHeaderName: "Authorization", useBearerPrefix: true, model };
      for (const result of await runAllTests(asked, () => {}))
        if ((result.id === "tool-calling") === calls) console.log(result.status, model, result.id, (result.errors ?? []).join(" | ").slice(0, 600));
    }
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
