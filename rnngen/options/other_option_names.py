"""Names that other programs use for the options of commands.

They are those of char-rnn, torch-rnn, textgenrnn, nanoGPT, Keras, PyTorch's word_language_model, AWD-LSTM, Hugging Face
and llama.cpp. Used by ``other_names.py`` only.
"""

from __future__ import annotations

_RUN = "The run is the first argument: rnngen {command} RUN."
_RUN_NAMES = "model checkpoint run checkpoint-path model-path weights ckpt load model-name-or-path init-from model-dir"
_TEXT_LAST = "The text comes after the run: rnngen {command} RUN FILE."
_TEXT_NAMES = "input data file text corpus dataset input-file eval-file test-file text-file"
_TEXT_IS_FIRST = "The text is the first argument: rnngen {command} FILE."
TEXT_FIRST = _TEXT_IS_FIRST.format(command="train")
_HELP = {"--help": "usage man options"}
_ALL = {"--help-all": "all-options full-help help-full"}
_NOTES = {
    "Notes are shown unless --quiet is given.": "verbose debug v log-level print-every log-interval logging-steps "
    "print-freq log-every",
    **_HELP,
}
_DEVICES = {"--device cuda": "gpu cuda use-gpu gpus gpu-id use-cuda cuda-device",
            "--device cpu": "cpu no-cuda no-gpu use-cpu",
            "--device mps": "mps metal"}  # fmt: skip

_FRESH = {"--fresh": "untrained random init before"}
_PICTURE = {"--picture": "plot png svg chart image figure out save"}
_SEEN = {"--text": "input data file corpus", **_FRESH, **_PICTURE, _RUN: _RUN_NAMES, **_HELP}
_DEMO = {"--out": "output o out-dir folder dir save", "--steps": "iterations max-steps epochs",
         "--hidden-size": "units hidden size", "--picture": "plot png svg chart image figure", **_HELP}  # fmt: skip
_LANGUAGE = {"--distance": "gap length delay lag", "--size": "lines examples samples count n",
             "--kinds": "symbols letters brackets"}  # fmt: skip

EVERYWHERE = {"--help": "help-all"}
"""The same for every command, but for those that have such an option."""

OPTIONS: dict[str, dict[str, str]] = {
    "": {"--version": "v ver V", **_HELP},
    "train": {
        "--learning-rate": "lr eta base-lr initial-lr rate max-lr peak-lr lrate",
        "--muon-learning-rate": "muon-lr matrix-lr",
        "--epochs": "epoch max-epochs num-epochs n-epochs num-train-epochs nb-epoch ep nb-epochs total-epochs passes",
        "--steps": "max-steps iterations max-iters num-steps iters max-iterations train-steps num-iterations n-iter "
        "it n-steps num-iters iter total-steps max-updates training-steps",
        "--minutes": "time max-time time-limit duration minute max-minutes timeout budget",
        "--size": "model-size preset-size",
        "--hidden-size": "hidden rnn-size hidden-dim units hidden-units nhid n-hidden lstm-size d-model dim num-units "
        "num-hidden state-size n-units rnn-units rnn-dim cells",
        "--embedding-size": "embedding emsize embed-size embedding-dim embed-dim wordvec-size n-embd dim-embeddings "
        "emb-size n-embed wordvec-dim embedding-dimension",
        "--num-layers": "layers num-layer n-layers n-layer rnn-layers depth num-hidden-layers rnn-num-layers",
        "--cell": "type arch model model-type rnn-type cell-type architecture rnn unit-type rnn-cell rnn-cell-type",
        "--cell lstm": "lstm",
        "--cell gru": "gru",
        "--nonlinearity": "activation act nonlin activation-function",
        "--bidirectional": "bidi rnn-bidirectional birnn bi",
        "--tied": "tie tie-weights weight-tying tie-embeddings",
        "--initialization": "initializer weight-init",
        "--gain": "spectral-radius init-gain recurrent-gain",
        "--seeds": "num-seeds n-seeds repeats trials",
        "--hidden-dropout": "dropouth layer-dropout",
        "--input-dropout": "dropouti",
        "--embedding-dropout": "dropoute embed-dropout",
        "--weight-dropout": "wdrop recurrent-dropout",
        "--dropout": "drop dropout-rate p-drop",
        "--batch-size": "batch bs batchsize per-device-train-batch-size mini-batch-size streams train-batch-size "
        "per-gpu-train-batch-size bsz",
        "--bptt": "seq-length seq-len block-size sequence-length context-length context-size window num-unroll unroll "
        "max-seq-length chunk-size ctx-size max-len time-steps",
        "--contiguous": "shuffle shuffle-data random-order chunks",
        "--clip": "grad-clip max-grad-norm gradient-clip clip-norm gradient-clipping clip-grad clipvalue "
        "global-clipnorm gradient-clip-val",
        "--optimizer": "optim opt optimiser algorithm",
        "--weight-decay": "wd wdecay l2",
        "--warmup": "warmup-ratio warmup-steps warmup-iters",
        "--decay": "scheduler lr-scheduler lr-scheduler-type schedule lr-decay decay-lr learning-rate-decay",
        "--ema": "ema-decay averaging",
        "--activation-regularization": "ar alpha",
        "--temporal-activation-regularization": "tar beta",
        "--patience": "early-stopping early-stopping-patience early-stop n-iter-no-change",
        "--tokenizer": "level tokens token-level tokenization vocab-type",
        "--tokenizer word": "word-level words word",
        "--tokenizer char": "char-level chars char",
        "--tokenizer byte": "byte-level bytes byte",
        "--tokenizer bpe": "bpe subword",
        "--min-count": "min-freq min-frequency min-occurrences cutoff rare",
        "--normalize": "normalization normalizer unicode-form nfc nfkc",
        "--normalize lower": "lowercase lower uncased do-lower-case",
        "--vocab-size": "vocab vocabulary vocabulary-size max-words num-tokens max-vocab max-features num-words "
        "max-vocab-size",
        "--valid": "val validation val-file validation-file valid-file dev eval-file validation-data val-data "
        "valid-data dev-file",
        "--test": "test-file",
        "--split": "val-frac train-frac validation-split val-split val-size test-size train-split fractions "
        "train-size validation-fraction",
        "--encoding": "charset codec file-encoding",
        "--errors": "encoding-errors on-error",
        "--text-field": "text-column text-key field column",
        "--label-field": "context-labels context label labels label-column",
        "--documents lines": "line-by-line per-line by-line",
        "--valid-every": "eval-every eval-interval eval-val-every eval-steps validate-every val-every validation-freq "
        "eval-freq val-interval evaluate-every eval-strategy evaluation-strategy",
        "--valid-tokens": "eval-iters eval-tokens",
        "--save-every": "checkpoint-every save-interval save-steps checkpoint-interval save-freq save-epochs "
        "checkpoint-freq save-strategy",
        "--sample-every": "gen-epochs sample-interval sample-freq",
        "--out": "output out-dir save output-dir checkpoint-dir savefile checkpoint-name save-dir model-dir o name "
        "dir model-name checkpoint save-path run-dir run",
        "--resume": "continue resume-from-checkpoint resume-from restart load",
        "--init-from": "finetune init pretrained base-model model-name-or-path start-from weights from weights-path "
        "tokenizer-name",
        "--config": "config-file cfg settings options-file yaml toml",
        "--seed": "random-seed manual-seed rng",
        "--threads": "num-threads workers cores n-threads num-workers dataloader-num-workers",
        "--precision": "dtype amp",
        "--precision bf16": "bf16 bfloat16 fp16 half mixed-precision",
        "--precision float32": "fp32 float32",
        "--ngram": "ngrams n-gram ngram-order",
        "--quiet": "silent s no-progress",
        "--json": "as-json json-output",
        "The learning rate falls by --decay; how far is fixed.": "min-lr lr-decay-every lr-decay-factor "
        "lr-decay-iters learning-rate-decay-after end-lr",
        "The optimizer's other constants are fixed.": "beta1 beta2 adam-beta1 adam-beta2 adam-epsilon momentum "
        "decay-rate rho nesterov",
        "There is one step per batch: give a larger --batch-size.": "gradient-accumulation-steps "
        "accumulate-grad-batches",
        "The best weights are kept in any case.": "save-best-only load-best-model-at-end always-save-checkpoint "
        "restore-best-weights save-total-limit",
        "The state is carried on for --contiguous windows, throughout with 0.": "stateful return-sequences",
        "A recurrent network has no such part.": "n-head num-heads heads num-attention-heads",
        "Every run logs to metrics.jsonl in its folder; rnngen report draws it.": "wandb wandb-log wandb-project "
        "tensorboard report-to log-dir logging-dir",
        TEXT_FIRST: "input-h5 input-json input data file text corpus train dataset train-file data-dir input-file "
        "train-data input-txt data-path files i f",
        **_DEVICES, **_NOTES, **_ALL,
    },
    "sample": {
        "--length": "max-length max-tokens num-tokens max-new-tokens n-predict max-gen-length tokens num-chars chars "
        "characters len l size num-words n-words words max-len n-tokens gen-length sample-length text-length "
        "max-gen-len",
        "--num-samples": "n count samples number num num-return-sequences n-samples best-of batch-size",
        "--prompt": "prime start seed-text primetext start-text prefix text input context primer starting-text "
        "start-string initial-text begin seed-string start-phrase",
        "--prompt-file": "file f input-file",
        "--temperature": "temp sampling-temperature diversity",
        "--temperature 0": "greedy argmax no-sample",
        "--top-k": "k topk top-n",
        "--top-p": "nucleus p-nucleus",
        "--typical": "typical-p",
        "--repetition-penalty": "repeat-penalty penalty no-repeat-ngram-size frequency-penalty presence-penalty",
        "--repetition-window": "repeat-last-n repeat-window",
        "--beam": "num-beams beam-width beam-size beams beam-search",
        "--stop": "stop-sequence stop-text end eos stop-string stop-word stop-strings stop-words eos-token",
        "--until": "until-line stop-at",
        "--ban": "bad-words exclude forbid without bad-words-ids suppress-tokens",
        "--force": "force-words",
        "--seed": "random-seed manual-seed rng seeds",
        "--interactive": "chat repl shell",
        "--show-probs": "probs logprobs color colour colors show-probabilities probabilities surprisal",
        "--quiet": "silent s no-progress",
        _RUN: _RUN_NAMES, **_DEVICES, **_NOTES,
        "Tokens are drawn unless --temperature is 0.": "do-sample sample sampling",
        "To keep the text, write: rnngen sample > FILE.": "outf out output o save out-file output-file", **_ALL,
    },
    "eval": {
        "--part": "split subset on",
        "--part valid": "valid val validation dev",
        "--part test": "test",
        "--part train": "train",
        "--spot": "surprising find-errors proofread unexpected",
        "--gaps": "mask masked words num-gaps cloze",
        "--against": "compare versus vs baseline other",
        "--ngram": "mix mixture ngrams n-gram",
        "--quiet": "silent s no-progress",
        _RUN: _RUN_NAMES, _TEXT_LAST: _TEXT_NAMES, **_DEVICES, **_NOTES, **_ALL,
    },
    "fill": {
        "--num-fills": "num-samples count samples number top-k k n-fills num",
        "--beam": "num-beams beam-width beam-size",
        "--longest": "max-length length max-tokens max-gap",
        "--temperature": "temp",
        "--seed": "random-seed manual-seed rng",
        "--quiet": "silent s no-progress",
        'The run comes before the text: rnngen fill RUN "a text with a ___ in it".': _RUN_NAMES,
        'The text comes last: rnngen fill RUN "a text with a ___ in it".': "text input prompt sentence",
        **_NOTES,
    },
    "inspect card": {"--compare": "vs versus with diff", "--against": "x axis x-axis by versus-time",
                     "--test": "eval score scores evaluate", "--text": "input data file corpus",
                     "--picture": "plot png svg chart image figure out",
                     _RUN.replace("{command}", "inspect"): _RUN_NAMES, **_HELP},
    "inspect gradients": {"--lags": "length steps max-lag lag back", **_SEEN},
    "inspect gates": {"--length": "tokens max-length num-tokens", "--shown": "show width display",
                      "--unit": "units neuron cell", **_SEEN},
    "inspect training": {_RUN: _RUN_NAMES, **_PICTURE, **_HELP},
    "inspect memory": {"--examples": "lines samples count n", **_SEEN},
    "inspect truncation": {"--span": "length lags window bptt", **_SEEN},
    "inspect next": {"--prompt": "text input prefix start", "--temperatures": "temperature temp temps",
                     "--top": "k top-k number n count", _RUN: _RUN_NAMES, **_PICTURE, **_HELP},
    "demo gradients": {"--text": "input data file corpus", **_DEMO},
    "demo clipping": {"--text": "input data file corpus", **_DEMO},
    "demo brackets": {**_DEMO, **_LANGUAGE, "--hidden-size": "units hidden"},
    "demo copy": {**_DEMO, **_LANGUAGE, "--hidden-size": "units hidden"},
    "demo adding": {**_DEMO, **_LANGUAGE, "--hidden-size": "units hidden"},
    "report": {"--out": "output o out-file file html save", "--text": "input data corpus",
               "The runs are arguments: rnngen report RUN.": _RUN_NAMES + " runs", **_NOTES},
    "runs": {"A run is shown by: rnngen inspect RUN.": _RUN_NAMES, **_HELP},
    "verify": {_RUN: _RUN_NAMES, **_NOTES},
    "rm": {"--yes": "force f no-confirm assume-yes", _RUN: _RUN_NAMES, **_HELP},
    "prune": {"--yes": "force f no-confirm assume-yes", "--dry-run": "n preview simulate", _RUN: _RUN_NAMES, **_HELP},
    "corpus build": {"--out": "output o out-file file save", **_LANGUAGE, **_HELP},
    "corpus get": {"--out": "output o out-dir folder dir save to", **_NOTES},
    "corpus list": _HELP,
    "corpus info": {_TEXT_IS_FIRST.format(command="corpus info"): _TEXT_NAMES, **_NOTES, **_ALL},
    "cache list": _HELP,
    "cache prune": {"--yes": "force f no-confirm assume-yes", "--dry-run": "n preview simulate", "--all": "everything",
                    **_HELP},
}  # fmt: skip
"""Command → its option, with or without a value, or a sentence that says what to type → other names for that."""
