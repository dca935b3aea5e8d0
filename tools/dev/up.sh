#!/bin/sh
# up.sh - from a fresh machine to cited answers: sets up, builds, serves, ingests the PostgreSQL manual, asks three
# questions, shows the record of one answer, and leaves the server running.
#
# Words are searchable as soon as pages are read, so the first question is asked while embeddings are still being made.
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
EMBED_SECONDS=300
QUESTION_BY_WORDS='What does the autovacuum daemon do?'
QUESTION_BY_MEANING='How can I build an index without stopping other people from writing?'
QUESTION_ABOUT_SYNTAX='Which function returns the current date and time?'

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
	# a session of its own: it outlives this terminal, and an interrupt here
	setsid "$CORBEL" serve >"$LOG" 2>&1 </dev/null &
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

# Only the name of the model tells where an answer comes from: collection/NAME asks that collection's documents.
ask()
{
	printf '\n? %s\n' "$1"
	"$CORBEL" ask --collection manual "$1" </dev/null
}

last_request() { "$CORBEL" trace ls --limit 1 --json | grep -o '"request_id": *"[^"]*"' | cut -d '"' -f 4; }

next_lines()
{
	cat <<-EOT

		corbel goes on serving on $(url). Lines to try next:

		  cd $ROOT; export CORBEL_DATA=$CORBEL_DATA
		  build/corbel ask --collection manual "How do I see which queries wait for a lock?"
		  build/corbel trace ls

		  curl $(url)/v1/chat/completions -H "Authorization: Bearer \$(cat $CORBEL_DATA/admin.key)" \\
		    -H 'Content-Type: application/json' \\
		    -d '{"model": "collection/manual", "messages": [{"role": "user", "content": "What is a tablespace?"}]}'

		  # pip install openai
		  from openai import OpenAI
		  client = OpenAI(base_url="$(url)/v1", api_key=open("$CORBEL_DATA/admin.key").read().strip())
		  answer = client.chat.completions.create(
		      model="collection/manual", messages=[{"role": "user", "content": "What is a tablespace?"}])
		  print(answer.choices[0].message.content)

		  kill $(pid)    # stops it
	EOT
}

"$ROOT/tools/dev/setup.sh" build model corpus up
"$ROOT/tools/dev/build.sh" corbel
serve

corpus=$(corpus_dir)
say "ingesting $corpus: words first"
"$CORBEL" ingest --collection manual "$corpus"
ask "$QUESTION_BY_WORDS"

say "meaning follows: embeddings are made in the background"
timeout "$EMBED_SECONDS" "$CORBEL" ingest --collection manual --wait ready "$corpus" ||
	say "not done after $EMBED_SECONDS s; the server goes on with it, and answers meanwhile from what there is"
ask "$QUESTION_BY_MEANING"
ask "$QUESTION_ABOUT_SYNTAX"

say "the record of the last answer"
"$CORBEL" trace show "$(last_request)"
next_lines
