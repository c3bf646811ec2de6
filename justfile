# Short names for what a developer does daily; CONTRIBUTING.md explains them.

# Two clusters on this machine, one request through four proxies
demo:
    cargo run --release -- demo

# Every test; installs what they need
test *args:
    scripts/test {{args}}

# What CI runs
ci:
    .ci/run

# Format and lint
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings
