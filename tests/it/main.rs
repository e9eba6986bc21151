//! Journeys across functions: one binary, one module a subject.
