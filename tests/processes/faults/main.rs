//! Leaders and members that die, hang, come back or outrank, and strangers that knock.

mod dying;
mod hanging;
mod hostile;
mod outranking;
mod sleeping;
mod strangers;
