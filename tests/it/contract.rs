//! What is really answered, compared with `docs/openapi.json`.
