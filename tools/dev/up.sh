#!/bin/sh
# up.sh - from a fresh machine to cited answers: sets up, builds, serves, ingests the PostgreSQL manual, asks three
# questions, shows the record of one answer, and leaves the server running.
#
# Words are searchable as soon as a page is read, so the first question is asked while embeddings are still being made.
# A server that ./dev up started before is used again as long as it is well. Everything it keeps is in ./corbel-data
# (CORBEL_DATA), its output in corbel-data/serve.log.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/setup/packages.sh"
. "$ROOT/tools/dev/setup/corpus.sh"

export CORBEL_DATA="${CORBEL_DATA:-$ROOT/corbel-data}"
CORBEL=$ROOT/build/corbel
LOG=$CORBEL_DATA/serve.log
READY_SECONDS=30
QUESTIONS='How can I build an index without locking out writes?
What does the autovacuum daemon do?
Which function returns the current date and time?'

# A server writes its process and its address into the file that it holds locked.
pid() { sed -n 1p "$CORBEL_DATA/corbel.lock" 2>/dev/null; }
url() { sed -n 2p "$CORBEL_DATA/corbel.lock" 2>/dev/null; }

healthy() { [ -n "$(url)" ] && curl -fsS -m 2 -o /dev/null "$(url)/healthz" 2>/dev/null; }

serve()
{
	if healthy; then
		say "corbel is running already: $(url), process $(pid)"
		return
	fi
	(umask 077 && mkdir -p "$CORBEL_DATA")
	nohup "$CORBEL" serve >"$LOG" 2>&1 </dev/null &
	server=$!
	waited=0
	until healthy; do
		kill -0 "$server" 2>/dev/null || { cat "$LOG" >&2; die "corbel serve did not start"; }
		waited=$((waited + 1))
		[ "$waited" -le $((READY_SECONDS * 10)) ] || die "corbel serve is not ready after $READY_SECONDS s; see $LOG"
		sleep 0.1
	done
	say "corbel serves on $(url), process $server, output in $LOG"
}

ask()
{
	printf '\n\033[1m%s\033[0m\n' "$1"
	"$CORBEL" ask "$1"
}

next_lines()
{
	cat <<-EOT

		corbel goes on serving on $(url). Lines to try next:

		  cd $ROOT; export CORBEL_DATA=$CORBEL_DATA
		  build/corbel ask "How do I see which queries wait for a lock?"
		  build/corbel trace ls

		  curl $(url)/v1/chat/completions -H "Authorization: Bearer \$(cat $CORBEL_DATA/admin.key)" \\
		    -H 'Content-Type: application/json' \\
		    -d '{"model": "docs", "messages": [{"role": "user", "content": "What is a tablespace?"}]}'

		  # pip install openai
		  from openai import OpenAI
		  client = OpenAI(base_url="$(url)/v1", api_key=open("$CORBEL_DATA/admin.key").read().strip())
		  answer = client.chat.completions.create(
		      model="docs", messages=[{"role": "user", "content": "What is a tablespace?"}])
		  print(answer.choices[0].message.content)

		  kill $(pid)    # stops it
	EOT
}

"$ROOT/tools/dev/setup.sh" build model corpus up
"$ROOT/tools/dev/build.sh"
serve
say "ingesting $(corpus_dir)"
"$CORBEL" ingest --collection manual "$(corpus_dir)"

printf '%s\n' "$QUESTIONS" | while read -r question; do
	ask "$question" </dev/null
done

say "the record of the last answer"
"$CORBEL" trace ls | head -n 5
"$CORBEL" trace show "$("$CORBEL" trace ls --json | sed -n 's/.*"trace_id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)"
next_lines
