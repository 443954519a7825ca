//! What members see when nobody fails: they join, talk, ask and leave. And what of the history is left when somebody does.

mod asking;
mod confirming;
mod counting;
mod data_dir;
mod joining;
mod leaving;
mod meeting;
mod taking_over;
mod talking;
