//! Takes posts in, and publishes them.

mod preflight;
