//! Work on several threads whose results are handed on in order, with bounded memory.
//!
//! Threads take numbers from one counter, many at a time at first and fewer towards the end (guided self-scheduling;
//! Polychronopoulos & Kuck 1987, IEEE Trans. Comput. C-36), so that none is left with much to do when the others are done.
//! None runs more than `ahead` numbers ahead of the first result that is still missing: that bounds what waits for its
//! turn. The threads belong to one call; nobody else's pool is used or configured.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Results that may wait for an earlier one, where they are small.
pub const AHEAD: usize = 1024;
/// Numbers taken at a time at most.
const MOST: usize = 32;
/// Results wait in their thread for this long at most, while it has more to do.
const PATIENCE: Duration = Duration::from_millis(20);

/// What the threads share.
struct Hall<R> {
    count: usize,
    threads: usize,
    ahead: usize,
    state: Mutex<State<R>>,
    /// Somebody may take numbers, or everybody should leave.
    room: Condvar,
    /// The next result is there, or there will be none.
    ready: Condvar,
}

struct State<R> {
    /// The first number that nobody has taken.
    next: usize,
    /// The number of the first result in `waiting`.
    first: usize,
    waiting: VecDeque<Option<R>>,
    /// Threads at work.
    working: usize,
    /// Nobody takes more.
    closed: bool,
}

/// A thread's place: where it takes numbers and leaves results.
pub struct Desk<'h, R> {
    hall: &'h Hall<R>,
    stop: &'h (dyn Fn() -> bool + Sync),
    own: Range<usize>,
    done: Vec<(usize, R)>,
    told: Instant,
}

impl<R> Hall<R> {
    fn state(&self) -> MutexGuard<'_, State<R>> {
        // A thread that panicked has told so by leaving.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Desk<'_, R> {
    /// The next number to work on; none where there is none for now: what is under way should be finished.
    pub fn take(&mut self) -> Option<usize> {
        if (self.stop)() {
            self.close();
            return None;
        }
        if self.own.is_empty() {
            self.tell();
            let mut state = self.hall.state();
            self.own = self.claim(&mut state);
        }
        self.own.next()
    }

    /// A number's result.
    pub fn done(&mut self, k: usize, result: R) {
        self.done.push((k, result));
        if self.done.len() >= MOST || self.told.elapsed() > PATIENCE {
            self.tell();
        }
    }

    /// Nobody takes more numbers.
    pub fn close(&mut self) {
        self.own = 0..0;
        self.hall.state().closed = true;
        self.hall.room.notify_all();
    }

    fn claim(&self, state: &mut State<R>) -> Range<usize> {
        if state.closed {
            return 0..0;
        }
        let end = self.hall.count.min(state.first + self.hall.ahead);
        let left = end.saturating_sub(state.next);
        let fair = (self.hall.count - state.next).div_ceil(4 * self.hall.threads).clamp(1, MOST);
        let from = state.next;
        state.next += fair.min(left);
        from..state.next
    }

    /// Puts the results where the others' are.
    fn tell(&mut self) {
        self.told = Instant::now();
        if self.done.is_empty() {
            return;
        }
        let mut state = self.hall.state();
        for (k, result) in self.done.drain(..) {
            let place = k - state.first;
            if state.waiting.len() <= place {
                state.waiting.resize_with(place + 1, || None);
            }
            state.waiting[place] = Some(result);
        }
        if state.waiting.front().is_some_and(Option::is_some) {
            self.hall.ready.notify_one();
        }
    }

    /// Waits until there are numbers to take; false when there will be none.
    fn wait(&mut self) -> bool {
        self.tell();
        let mut state = self.hall.state();
        loop {
            if !self.own.is_empty() {
                return true;
            }
            self.own = self.claim(&mut state);
            if self.own.is_empty() {
                if state.closed || state.next == self.hall.count {
                    return false;
                }
                state = self.hall.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl<R> Drop for Desk<'_, R> {
    fn drop(&mut self) {
        self.tell();
        let mut state = self.hall.state();
        state.working -= 1;
        // Of a thread that panicked, results will be missing for ever: the others need not go on.
        state.closed |= std::thread::panicking();
        drop(state);
        self.hall.room.notify_all();
        self.hall.ready.notify_one();
    }
}

/// Lets `work` take the numbers below `count` on `threads` threads; `sink` receives their results in order, on the calling
/// thread, and may end it all. `stop` is asked before each number. `work` is called anew as long as there is more to take.
/// Gives the number of results that `sink` received: all of them, or those before the first that is missing.
pub fn in_order<R: Send>(
    count: usize,
    (threads, ahead): (usize, usize),
    stop: &(dyn Fn() -> bool + Sync),
    work: &(dyn Fn(&mut Desk<R>) + Sync),
    sink: &mut dyn FnMut(usize, R) -> ControlFlow<()>,
) -> usize {
    let threads = threads.clamp(1, count.max(1));
    let state = State { next: 0, first: 0, waiting: VecDeque::new(), working: threads, closed: false };
    let hall = Hall { count, threads, ahead, state: Mutex::new(state), room: Condvar::new(), ready: Condvar::new() };
    let mut received = 0;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut desk = Desk { hall: &hall, stop, own: 0..0, done: Vec::new(), told: Instant::now() };
                while desk.wait() {
                    work(&mut desk);
                }
            });
        }
        let mut batch = Vec::new();
        loop {
            let mut state = hall.state();
            while !state.waiting.front().is_some_and(Option::is_some) && state.working > 0 {
                state = hall.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            while let Some(Some(_)) = state.waiting.front() {
                batch.extend(state.waiting.pop_front().flatten());
                state.first += 1;
            }
            drop(state);
            if batch.is_empty() {
                return;
            }
            hall.room.notify_all();
            for result in batch.drain(..) {
                let flow = sink(received, result);
                received += 1;
                if flow.is_break() {
                    hall.state().closed = true;
                    hall.room.notify_all();
                    return;
                }
            }
        }
    });
    received
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn squares(count: usize, threads: usize, most: usize) -> Vec<usize> {
        let mut list = Vec::new();
        let work = |desk: &mut Desk<usize>| {
            // As lanes do: several under way, the later done first.
            let mut under_way = Vec::new();
            while let Some(k) = desk.take() {
                under_way.push(k);
                if under_way.len() == 3 {
                    under_way.drain(1..).rev().for_each(|k| desk.done(k, k * k));
                }
            }
            under_way.into_iter().for_each(|k| desk.done(k, k * k));
        };
        in_order(count, (threads, AHEAD), &|| false, &work, &mut |k, square| {
            assert_eq!(k, list.len());
            list.push(square);
            if list.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        list
    }

    #[test]
    fn results_come_in_order_from_any_number_of_threads() {
        for count in [0, 1, 5, 100, 5 * AHEAD + 7] {
            let expected: Vec<usize> = (0..count).map(|k| k * k).collect();
            for threads in [1, 2, 5, 64] {
                assert_eq!(squares(count, threads, usize::MAX), expected, "{count} on {threads}");
            }
        }
        assert_eq!(squares(1000, 3, 10).len(), 10);
    }

    #[test]
    fn a_slow_result_bounds_what_waits() {
        let (most, first) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |desk: &mut Desk<()>| {
            while let Some(k) = desk.take() {
                if k == 0 {
                    std::thread::sleep(Duration::from_millis(50));
                }
                most.fetch_max(k - first.load(Ordering::SeqCst).min(k), Ordering::SeqCst);
                desk.done(k, ());
            }
        };
        let all = in_order(4 * AHEAD, (2, AHEAD), &|| false, &work, &mut |k, ()| {
            first.store(k, Ordering::SeqCst);
            ControlFlow::Continue(())
        });
        assert_eq!(all, 4 * AHEAD);
        assert!(most.load(Ordering::SeqCst) <= 2 * AHEAD, "{most:?}");
    }

    #[test]
    fn what_was_done_before_a_stop_is_handed_on() {
        let taken = AtomicUsize::new(0);
        let work = |desk: &mut Desk<usize>| {
            while let Some(k) = desk.take() {
                taken.fetch_add(1, Ordering::SeqCst);
                desk.done(k, k);
            }
        };
        let stop = || taken.load(Ordering::SeqCst) >= 100;
        let received = in_order(10_000, (2, 100), &stop, &work, &mut |_, _| ControlFlow::Continue(()));
        assert!((1..=102).contains(&received), "{received}");
    }
}
