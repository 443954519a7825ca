//! What clients may send.

use super::*;

#[test]
fn a_client_sends_a_little_at_once_and_so_much_a_second_after_that() {
    let start = Instant::now();
    let mut budget = Budget::new(start);
    budget.spend(AT_ONCE as usize, start);
    assert_eq!(budget.next_read(start), start);
    budget.spend(BYTES_A_SECOND as usize, start);
    assert_eq!(budget.next_read(start), start + Duration::from_secs(1));
    let later = start + Duration::from_secs(60);
    budget.spend(AT_ONCE as usize, later);
    assert_eq!(budget.next_read(later), later, "what was not used is not saved up");
}

#[test]
fn the_smallest_frames_cost_something() {
    let start = Instant::now();
    let mut budget = Budget::new(start);
    (0..2 * AT_ONCE as usize / FRAME_COST).for_each(|_| budget.spend(3, start));
    let wait = budget.next_read(start) - start;
    assert!(wait > Duration::from_millis(990) && wait < Duration::from_millis(1010), "{wait:?}");
}
