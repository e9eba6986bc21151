//! Tests of the client as a whole: the cases from the real platform, hostile bodies, a hostile network.

mod cases;
mod hostile;
mod network;
