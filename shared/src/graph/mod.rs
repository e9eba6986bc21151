//! The Graph client: typed calls to Instagram, and what its errors mean.
