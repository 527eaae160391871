//! Notifier: one pipe that tells an event loop which of its watches have something to poll.
//!
//! Invariant: the pipe holds one byte while `ready` would return ids, none otherwise.
//! Invariant: the notifier's lock is the innermost one; nothing else is locked while it is held.
//! Not here: the event loop.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use parking_lot::Mutex;
use rustc_hash::FxHashSet;

pub struct Notifier {
    state: Mutex<State>,
    reader_fd: RawFd,
}

struct State {
    ready: FxHashSet<u64>,
    /// `None` once closed.
    pipe: Option<Pipe>,
}

struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Notifier {
    pub fn new() -> io::Result<Self> {
        let pipe = Pipe::open()?;
        let reader_fd = pipe.reader.as_raw_fd();
        Ok(Self { state: Mutex::new(State { ready: FxHashSet::default(), pipe: Some(pipe) }), reader_fd })
    }

    /// The descriptor that is readable while `ready` would return something; `None` once closed.
    pub fn descriptor(&self) -> Option<RawFd> {
        self.state.lock().pipe.is_some().then_some(self.reader_fd)
    }

    /// Ids of the watches that became readable since the last call, rising; clears the descriptor.
    pub fn ready(&self) -> Vec<u64> {
        let mut state = self.state.lock();
        if let Some(pipe) = state.pipe.as_ref().filter(|_| !state.ready.is_empty()) {
            pipe.take_byte();
        }
        let mut ids: Vec<u64> = state.ready.drain().collect();
        drop(state);
        ids.sort_unstable();
        ids
    }

    /// Marks a watch as readable; from any thread.
    pub fn add(&self, watch_id: u64) {
        let mut state = self.state.lock();
        if let Some(pipe) = &state.pipe {
            if state.ready.is_empty() {
                pipe.put_byte();
            }
            state.ready.insert(watch_id);
        }
    }

    /// Forgets a watch that was closed.
    pub fn discard(&self, watch_id: u64) {
        let mut state = self.state.lock();
        if state.ready.remove(&watch_id) && state.ready.is_empty() {
            if let Some(pipe) = &state.pipe {
                pipe.take_byte();
            }
        }
    }

    pub fn close(&self) {
        let mut state = self.state.lock();
        state.pipe = None;
        state.ready.clear();
    }
}

impl Pipe {
    fn open() -> io::Result<Self> {
        let mut ends = [0; 2];
        // SAFETY: `ends` has room for the two descriptors that pipe writes.
        if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        for end in ends {
            // SAFETY: both descriptors were opened by the call above and belong to nobody else.
            unsafe { libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) };
            // SAFETY: as above.
            unsafe { libc::fcntl(end, libc::F_SETFL, libc::O_NONBLOCK) };
        }
        // SAFETY: as above; from here on the two OwnedFd close them.
        let (reader, writer) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
        Ok(Self { reader, writer })
    }

    /// The pipe holds at most one byte, so this cannot fail for lack of room.
    fn put_byte(&self) {
        // SAFETY: the buffer has the one byte that is written.
        unsafe { libc::write(self.writer.as_raw_fd(), [1u8].as_ptr().cast(), 1) };
    }

    fn take_byte(&self) {
        let mut byte = [0u8];
        // SAFETY: the buffer has room for the one byte that is read.
        unsafe { libc::read(self.reader.as_raw_fd(), byte.as_mut_ptr().cast(), 1) };
    }
}
