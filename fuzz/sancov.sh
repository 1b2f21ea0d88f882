#!/bin/sh
# Compiles one crate of the workspace with libFuzzer's coverage hooks. Stable Rust knows these flags.
# cargo calls it as RUSTC_WORKSPACE_WRAPPER (see `run`), so that dependencies are not instrumented and
# those of the tests are used again.
exec "$@" \
  -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
