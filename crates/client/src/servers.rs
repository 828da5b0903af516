use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use tonic::transport::Channel;

/// How long a server that could not be reached is passed over, where there are others.
const REST: Duration = Duration::from_secs(1);

/// Servers that have the same to say, called in turn.
#[derive(Debug)]
pub(crate) struct Servers {
    servers: Vec<Server>,
    next: AtomicUsize,
    begun: Instant,
}

#[derive(Debug)]
struct Server {
    channel: Channel,
    /// Until when it is passed over, in milliseconds since the beginning.
    rests_until: AtomicU64,
}

/// A server to call.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    place: usize,
    pub(crate) channel: Channel,
}

impl Servers {
    pub(crate) fn new(channels: Vec<Channel>) -> Self {
        let servers = channels.into_iter().map(|channel| Server {
            channel,
            rests_until: AtomicU64::new(0),
        });
        Self {
            servers: servers.collect(),
            next: AtomicUsize::new(0),
            begun: Instant::now(),
        }
    }

    /// Where a call begins; its further attempts are made on the servers after that one.
    pub(crate) fn turn(&self) -> usize {
        self.next.fetch_add(1, Relaxed)
    }

    /// The server whose turn it is, or the next one that does not rest; if all do, the one whose turn it is.
    pub(crate) fn pick(&self, turn: usize) -> Picked {
        let count = self.servers.len();
        let places = (0..count).map(|step| turn.wrapping_add(step) % count);
        let place = places.clone().find(|&place| !self.rests(place));
        let place = place.unwrap_or(turn % count);
        Picked {
            place,
            channel: self.servers[place].channel.clone(),
        }
    }

    /// Passes over a server that could not be reached; whether there is another to call at once.
    pub(crate) fn rest(&self, picked: &Picked) -> bool {
        let until = self.now() + REST.as_millis() as u64;
        self.servers[picked.place].rests_until.store(until, Relaxed);
        (0..self.servers.len()).any(|place| !self.rests(place))
    }

    /// A server that answers need not rest.
    pub(crate) fn answered(&self, picked: &Picked) {
        let rests_until = &self.servers[picked.place].rests_until;
        if rests_until.load(Relaxed) != 0 {
            rests_until.store(0, Relaxed);
        }
    }

    fn rests(&self, place: usize) -> bool {
        self.servers[place].rests_until.load(Relaxed) > self.now()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use tonic::transport::Endpoint;

    use super::*;

    #[tokio::test]
    async fn servers_are_called_in_turn_and_those_that_rest_are_passed_over() {
        let channel = || Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
        let servers = Servers::new(vec![channel(), channel(), channel()]);
        let place = |turn| servers.pick(turn).place;
        assert_eq!([0, 1, 2, 3].map(place), [0, 1, 2, 0]);
        assert!(servers.rest(&servers.pick(1)));
        assert_eq!([0, 1, 2, 3].map(place), [0, 2, 2, 0]);
        assert!(servers.rest(&servers.pick(0)));
        assert!(!servers.rest(&servers.pick(2)));
        assert_eq!([0, 1, 2, 3].map(place), [0, 1, 2, 0]);
        servers.answered(&servers.pick(1));
        assert_eq!([0, 1, 2, 3].map(place), [1, 1, 1, 1]);
    }
}
