//! Whose turn it is on the terminal: the line being typed, or what is printed.
//!
//! While a line is edited, what is printed goes through the editor, which draws it above the line. While none is, it
//! goes straight to the terminal. In the moments between the two it waits: printed then, it would stand behind the
//! line just typed, or in the place of the prompt just drawn.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Nothing is being typed.
    Printer,
    /// The editor draws its prompt.
    Opening,
    /// A line is being edited.
    Editor,
    /// The editor ends its line.
    Closing,
}

/// See the module.
pub(super) struct Gate {
    turn: Mutex<Turn>,
    changed: Condvar,
}

impl Gate {
    /// A gate of a terminal on which nothing is typed.
    pub(super) const fn new() -> Self {
        Self { turn: Mutex::new(Turn::Printer), changed: Condvar::new() }
    }

    /// The editor is about to draw its prompt: waits for what is being printed.
    pub(super) fn opening(&self) {
        self.to(Turn::Opening);
    }

    /// The prompt is drawn. Nothing happens when it was before.
    pub(super) fn opened(&self) {
        if self.turn() == Turn::Opening {
            self.to(Turn::Editor);
        }
    }

    /// The line is accepted, and about to end.
    pub(super) fn closing(&self) {
        if self.turn() == Turn::Editor {
            self.to(Turn::Closing);
        }
    }

    /// The line has ended, and the cursor stands at the beginning of the next.
    pub(super) fn closed(&self) {
        self.to(Turn::Printer);
    }

    /// Whose turn it is.
    pub(super) fn turn(&self) -> Turn {
        *self.lock()
    }

    /// Waits for a moment to print in. With a guard, that moment lasts as long as the guard; without one, the line is
    /// being edited.
    pub(super) fn wait(&self) -> Option<MutexGuard<'_, Turn>> {
        let between = |turn: &mut Turn| matches!(turn, Turn::Opening | Turn::Closing);
        let turn = self.changed.wait_while(self.lock(), between).unwrap_or_else(PoisonError::into_inner);
        (*turn == Turn::Printer).then_some(turn)
    }

    fn to(&self, turn: Turn) {
        *self.lock() = turn;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_from_its_prompt_to_its_end() {
        let gate = Gate::new();
        gate.opened();
        gate.closing();
        assert_eq!(gate.turn(), Turn::Printer);
        gate.opening();
        gate.closing();
        assert_eq!(gate.turn(), Turn::Opening);
        gate.opened();
        assert!(gate.wait().is_none());
        gate.closing();
        gate.opened();
        assert_eq!(gate.turn(), Turn::Closing);
        gate.closed();
        assert!(gate.wait().is_some());
    }

    #[test]
    fn what_is_printed_waits_for_the_prompt() {
        let gate = Gate::new();
        gate.opening();
        std::thread::scope(|scope| {
            let printing = scope.spawn(|| gate.wait().is_none());
            gate.opened();
            assert!(printing.join().unwrap());
        });
    }
}
