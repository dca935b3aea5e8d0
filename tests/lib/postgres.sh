#!/bin/sh
# postgres.sh - private PostgreSQL servers for tests, with pgvector.
#
#	postgres.sh run COMMAND...   runs COMMAND beside a server of its own, and removes the server afterwards
#	postgres.sh start DIR        starts the server of DIR again, on its port; waits until it answers
#	postgres.sh stop DIR         kills it, as a power cut would: connections break, clients get no word
#
# COMMAND finds CORBEL_TEST_POSTGRES, the conninfo of an empty database, and CORBEL_TEST_POSTGRES_DIR for start and stop.
# The server listens on a free port of 127.0.0.1 and keeps its data under TMPDIR; PostgreSQL refuses to run as root, so
# root becomes the user postgres. Commits do not wait for the disk, except with CORBEL_TEST_POSTGRES_FSYNC=on.
set -eu

BIN=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

as_postgres()
{
	# from a directory that this user may enter
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

start()
{
	as_postgres "$BIN/pg_ctl" -D "$1/data" -l "$1/log" -w -t 30 start >/dev/null
}

stop()
{
	as_postgres "$BIN/pg_ctl" -D "$1/data" -m immediate -w stop >/dev/null
}

# Takes a random port, and another when that one is in use: the only way that cannot lose a race for it.
start_on_free_port()
{
	tries=0
	while [ "$tries" -lt 20 ]; do
		port=$(shuf -i 20000-32000 -n 1)
		sed -i '/^port = /d' "$1/data/postgresql.conf"
		echo "port = $port" >>"$1/data/postgresql.conf"
		if start "$1" 2>/dev/null; then
			return
		fi
		tries=$((tries + 1))
	done
	cat "$1/log" >&2
	return 1
}

create()
{
	[ "$(id -u)" -ne 0 ] || chown postgres "$1"
	as_postgres "$BIN/initdb" -D "$1/data" -A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8 >"$1/initdb.log"
	cat >>"$1/data/postgresql.conf" <<-EOT
		listen_addresses = '127.0.0.1'
		unix_socket_directories = ''
		fsync = ${CORBEL_TEST_POSTGRES_FSYNC:-off}
		max_connections = 200
		shared_buffers = 128MB
	EOT
	start_on_free_port "$1"
	psql -q -X -v ON_ERROR_STOP=1 "host=127.0.0.1 port=$port user=postgres dbname=postgres" <<-'EOT'
		create database corbel;
		\connect corbel
		create extension vector;
	EOT
}

run()
{
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/corbel-postgres.XXXXXX")
	trap 'stop "$DIR" 2>/dev/null || :; rm -rf "$DIR"' EXIT
	trap 'exit 130' INT TERM HUP
	create "$DIR"
	CORBEL_TEST_POSTGRES="host=127.0.0.1 port=$port user=postgres dbname=corbel" CORBEL_TEST_POSTGRES_DIR=$DIR "$@"
}

verb=${1:-}
[ $# -ge 2 ] || verb=
case $verb in
run | start | stop)
	shift
	"$verb" "$@"
	;;
*)
	sed -n '/^#\t/s/^#\t//p' "$0" >&2
	exit 2
	;;
esac
