//! What the test of the decoders is made of.

pub mod memory;
pub mod mutate;
pub mod samples;
mod vdrive;
