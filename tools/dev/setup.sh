#!/bin/sh
# setup.sh - brings a bare Debian 12 or 13 to where corbel builds, runs and is tested.
#
#	tools/dev/setup.sh GROUP...
#
# A group is a kind of need: its packages (packages_GROUP in setup/packages.sh) and its steps (below). A step is a file
# in setup/ with three functions: `what` it would do, in words; `check`, whether it is done, by looking at the thing
# itself; `provide`, which does it. So a second run costs only the looking, an interrupted one is taken up where it
# stopped, and what somebody removed comes back. Everything that is missing is named before anything is changed, and a
# person at a terminal is asked once.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tools/dev/lib.sh"
. "$ROOT/tools/dev/setup/packages.sh"

GROUPS_ALL='build run model corpus up clang lint test bench'

steps_of()
{
	case $1 in
	build) echo http_json onnxruntime ;;
	run) echo http_json ;;
	model) echo model tokenizers ;;
	corpus) echo corpus ;;
	test) echo pgvector node ;;
	esac
}

# step NAME FUNCTION: in a subshell, since every step defines the same three names.
step() { (. "$ROOT/tools/dev/setup/$1.sh" && "$2"); }

confirm()
{
	[ -t 0 ] && [ -z "${CORBEL_YES:-}" ] || return 0
	printf 'Go on? [Y/n] '
	read -r answer
	case $answer in
	'' | [Yy]*) ;;
	*) die "nothing was changed" ;;
	esac
}

missing_packages()
{
	wanted=$(for group in "$@"; do "packages_$group"; done | tr ' ' '\n' | sort -u)
	# shellcheck disable=SC2086 # a list
	here=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null | sed -n 's/ installed$//p')
	printf '%s\n' "$wanted" | grep -vxF "$here" || :
}

undone_steps()
{
	for group in "$@"; do
		for name in $(steps_of "$group"); do
			step "$name" check || echo "$name"
		done
	done
}

announce()
{
	say "corbel needs on this machine:"
	[ -z "$packages" ] || printf 'Debian packages: %s\n' "$(echo $packages)" | fold -s -w 100 | sed 's/^/    /'
	for name in $steps; do
		printf '    %s\n' "$(step "$name" what)"
	done
}

for group in "$@"; do
	case " $GROUPS_ALL " in
	*" $group "*) ;;
	*) die "no such group of needs: $group (there are: $GROUPS_ALL)" ;;
	esac
done
[ $# -gt 0 ] || die "usage: setup.sh GROUP... ($GROUPS_ALL)"

debian_version >/dev/null
# a machine that has never asked for package lists does not know the names that depend on its release
ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || apt update
packages=$(missing_packages "$@")
steps=$(undone_steps "$@")
[ -n "$packages$steps" ] || exit 0

announce
confirm
if [ -n "$packages" ]; then
	say "installing Debian packages"
	apt update
	# shellcheck disable=SC2086 # a list
	apt install -y --no-install-recommends $packages
fi
for name in $steps; do
	# the packages may have brought it
	step "$name" check && continue
	say "providing $name"
	step "$name" provide
	step "$name" check || die "$name was provided, but is not there"
done
