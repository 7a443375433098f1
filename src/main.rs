//! The `flowbatch` binary.

fn main() {}
