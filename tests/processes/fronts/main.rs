//! What a person and a shell meet: arguments, consoles, streams, and the script that starts a mesh.

mod arguments;
mod console;
mod history;
mod logs;
mod script;
mod streams;
mod terminal;
