//! Walks over paths in memory, with a paused clock.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use tokio::time::sleep;

use super::*;
use crate::observation::IcmpMessage;

/// A path of `distance` hops, on which one port dies at a router.
struct World {
    distance: u8,
    /// The port, and the last hop that it gets to.
    cut: Option<(u16, u8)>,
    /// What each router has left of its six answers, and since when; it gets one back a second.
    patience: Mutex<HashMap<u8, (f64, Instant)>>,
    shortage: bool,
}

impl World {
    fn new(distance: u8, cut: Option<(u16, u8)>) -> Self {
        Self { distance, cut, patience: Mutex::default(), shortage: false }
    }

    fn answers(&self, ttl: u8) -> bool {
        let mut patience = self.patience.lock().expect("no test panics here");
        let (left, since) = patience.entry(ttl).or_insert((6.0, Instant::now()));
        *left = (*left + since.elapsed().as_secs_f64()).min(6.0);
        *since = Instant::now();
        let answers = *left >= 1.0;
        *left -= f64::from(u8::from(answers));
        answers
    }
}

impl Hops for World {
    fn probe<'a>(
        &'a self,
        dialling: &'a Dialling,
        ttl: u8,
    ) -> Pin<Box<dyn Future<Output = Result<Connect, Shortage>> + Send + 'a>> {
        Box::pin(async move {
            if self.shortage {
                return Err(Shortage("Operation not permitted (os error 1)".to_owned()));
            }
            let began = Instant::now();
            let dies =
                self.cut.is_some_and(|(port, last)| port == dialling.to.port() && ttl > last);
            let outcome = if dies || (ttl < self.distance && !self.answers(ttl)) {
                sleep(dialling.limit).await;
                ConnectOutcome::TimedOut
            } else {
                sleep(Duration::from_millis(5 * u64::from(ttl))).await;
                let from = IpAddr::from([10, 0, 0, ttl]);
                match ttl < self.distance {
                    true => {
                        ConnectOutcome::IcmpUnreachable(IcmpMessage { kind: 11, code: 0, from })
                    }
                    false => ConnectOutcome::Connected,
                }
            };
            Ok(Connect { outcome, elapsed: began.elapsed().into(), ..Connect::default() })
        })
    }
}

fn rails(ports: &[u16]) -> Vec<Rail> {
    ports.iter().map(|port| Rail { port: *port, to: ([192, 0, 2, 1], *port).into() }).collect()
}

async fn walk(walks: &Walks, ports: &[u16]) -> Vec<Walked> {
    let mut paths = vec![Err("not told".to_owned()); ports.len()];
    walks.side_by_side(&rails(ports), None, |at, walked| paths[at] = walked).await;
    paths
}

#[tokio::test(start_paused = true)]
async fn a_port_that_answers_tells_the_silent_ones_how_far_the_server_is() {
    let walks = Walks::new(Arc::new(World::new(6, Some((25, 2)))));
    let paths = walk(&walks, &[25, 587]).await;
    let [Ok(silent), Ok(open)] = &paths[..] else { panic!("{paths:?}") };
    assert_eq!((silent.port, silent.end, silent.distance()), (25, PathEnd::Silence, None));
    assert_eq!((open.port, open.end, open.distance()), (587, PathEnd::Connected, Some(6)));
    assert_eq!(silent.hops.len(), 8, "two hops behind the reference's distance");
    let heard: Vec<u8> = silent.routers().map(|(ttl, _)| ttl).collect();
    assert_eq!(heard, [1, 2]);
    assert!(open.hops.iter().all(|hop| hop.address.is_some()), "{open:?}");
}

#[tokio::test(start_paused = true)]
async fn routers_that_answer_only_so_often_are_not_made_to_look_silent() {
    let walks = Walks::new(Arc::new(World::new(5, None)));
    for _ in 0..3 {
        for path in walk(&walks, &[25, 465, 587, 2525]).await {
            let path = path.expect("a path");
            assert!(path.hops.iter().all(|hop| hop.address.is_some()), "{path:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_this_machine_cannot_do_is_no_silence() {
    let world = World { shortage: true, ..World::new(5, None) };
    let paths = walk(&Walks::new(Arc::new(world)), &[25]).await;
    let why = paths[0].as_ref().expect_err("no path");
    assert!(why.contains("not permitted"), "{why}");
}
