//! The language server as an editor sees it: the real command, driven over its standard input and output.
#![cfg(feature = "lsp")]

mod client;
mod features;
mod files;
mod protocol;
mod sync;
