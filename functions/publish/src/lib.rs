//! Takes posts in, and publishes them.
