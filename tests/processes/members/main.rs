//! What members see when nobody fails: they join, talk, ask and leave.

mod asking;
mod joining;
mod leaving;
mod meeting;
mod talking;
