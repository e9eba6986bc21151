//! The functions' surroundings in one process, for tests and for the local stack.
