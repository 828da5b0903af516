//! The bundle a server answers from, and its replacement while requests are under way.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use crossfade_bundle::{Bundle, Error, Store};

use crate::{aside::aside, experiments::Experiments, paths::PathCounters, recorder::Recorder};

/// Holds the bundle in service. Readers take a reference and keep it for a whole request; replacing it does not wait for
/// them, and the old bundle goes when its last request does.
#[derive(Debug)]
pub struct Serving {
    store: Store,
    bundle: ArcSwapOption<Bundle>,
    /// Serialises activations, so that of two at once the later one wins in the store and here.
    activating: Mutex<()>,
    /// What was searched, whatever the bundle.
    paths: PathCounters,
    /// Plays that are reported, where they are recorded.
    recorder: Option<Recorder>,
    /// Rankings that are compared.
    experiments: Experiments,
}

impl Serving {
    /// Serves from `store`, beginning with nothing.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            bundle: ArcSwapOption::empty(),
            activating: Mutex::new(()),
            paths: PathCounters::default(),
            recorder: None,
            experiments: Experiments::default(),
        }
    }

    /// Records the plays that are reported, if anything is to, and uses them in answers.
    pub fn with_recorder(self, recorder: Option<Recorder>) -> Self {
        Self { recorder, ..self }
    }

    /// Compares rankings by experiments.
    pub fn with_experiments(self, experiments: Experiments) -> Self {
        Self {
            experiments,
            ..self
        }
    }

    /// Rankings that are compared.
    pub fn experiments(&self) -> &Experiments {
        &self.experiments
    }

    /// What records plays, if anything does.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Where the bundles come from.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How often each way to find tracks was taken since the start, and what it cost.
    pub fn paths(&self) -> &PathCounters {
        &self.paths
    }

    /// The bundle in service, if there is one.
    pub fn bundle(&self) -> Option<Arc<Bundle>> {
        self.bundle.load_full()
    }

    /// Loads a version, makes it the store's active one and serves from it. On an error everything stays as it was.
    ///
    /// # Errors
    ///
    /// If the version is missing, damaged or cannot be served.
    pub fn activate(&self, version: &str) -> Result<Arc<Bundle>, Error> {
        let _turn = self.turn();
        let bundle = self.load(version)?;
        self.store.activate_loaded(&bundle)?;
        Ok(self.serve(bundle))
    }

    /// Follows the store: serves its active version if it is another than the one in service. Returns it when it was
    /// taken into service.
    ///
    /// # Errors
    ///
    /// If the store has no active version, or it is damaged or cannot be served; the bundle in service stays.
    pub fn follow(&self) -> Result<Option<Arc<Bundle>>, Error> {
        let _turn = self.turn();
        let version = self.store.current()?;
        if self
            .bundle()
            .is_some_and(|bundle| bundle.version == version)
        {
            return Ok(None);
        }
        let bundle = self.load(&version)?;
        Ok(Some(self.serve(bundle)))
    }

    /// Loads a version: as fast as can be where nothing is served yet, or else so that requests under way hardly notice.
    fn load(&self, version: &str) -> Result<Bundle, Error> {
        match self.bundle.load().is_some() {
            true => aside(|| self.store.load(version)),
            false => self.store.load(version),
        }
    }

    fn serve(&self, bundle: Bundle) -> Arc<Bundle> {
        let bundle = Arc::new(bundle);
        self.bundle.store(Some(Arc::clone(&bundle)));
        bundle
    }

    fn turn(&self) -> std::sync::MutexGuard<'_, ()> {
        // The guarded value is empty: a panic cannot have left it half changed.
        self.activating
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
