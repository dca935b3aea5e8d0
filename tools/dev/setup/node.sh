# node.sh - a Node.js that is new enough for the clients under test.
#
# The system's own is used where it is version 20 or later. Otherwise npm brings one into CACHE/node, and
# node_path tells the scripts what to put before PATH.

NODE_MIN=20
NODE_PACKAGE=node@22

what() { echo "Node.js 22 through npm, into $CACHE/node"; }

node_recent() { [ "$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge "$NODE_MIN" ]; }

check() { node_recent node || node_recent "$CACHE/node/node_modules/node/bin/node"; }

provide()
{
	scratch
	mkdir "$SCRATCH/node"
	npm install --silent --no-audit --no-fund --no-update-notifier --prefix "$SCRATCH/node" "$NODE_PACKAGE"
	place "$SCRATCH/node" "$CACHE/node"
}

node_path() { node_recent node || printf '%s:' "$CACHE/node/node_modules/node/bin"; }
