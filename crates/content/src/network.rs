use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A feed-forward network of full layers in f64: `tanh` in the curved ones, nothing in the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    layers: Vec<Layer>,
    /// Of each layer in turn: a row of weights for each output, then the biases.
    parameters: Vec<f64>,
}

/// The shape of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layer {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Whether outputs pass through `tanh`.
    pub(crate) curved: bool,
}

impl Layer {
    fn parameters(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }
}

impl Network {
    /// A network with random weights, uniform and scaled so that signals neither grow nor fade (Glorot and Bengio 2010), and
    /// biases of zero.
    pub(crate) fn new(layers: Vec<Layer>, rng: &mut ChaCha8Rng) -> Self {
        let mut parameters = Vec::with_capacity(layers.iter().map(Layer::parameters).sum());
        for layer in &layers {
            let reach = (6.0 / (layer.inputs + layer.outputs) as f64).sqrt();
            let weights = layer.inputs * layer.outputs;
            parameters.extend((0..weights).map(|_| reach * (2.0 * rng.random::<f64>() - 1.0)));
            parameters.resize(parameters.len() + layer.outputs, 0.0);
        }
        Self { layers, parameters }
    }

    /// Whether the layers fit together, and what is read from and written to is that long.
    pub(crate) fn is_sound(&self, inputs: usize) -> bool {
        let mut width = inputs;
        let fits = self.layers.iter().all(|layer| {
            let fits = layer.inputs == width;
            width = layer.outputs;
            fits
        });
        let count: usize = self.layers.iter().map(Layer::parameters).sum();
        fits && count == self.parameters.len() && self.parameters.iter().all(|p| p.is_finite())
    }

    pub(crate) fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut [f64] {
        &mut self.parameters
    }

    /// The outputs of all layers for an input, each in its place of `outputs`; only the first `layers` are run.
    pub(crate) fn run(&self, input: &[f64], outputs: &mut Outputs, layers: usize) {
        outputs.0.resize(self.layers.len(), Vec::new());
        let mut rest = self.parameters.as_slice();
        for (place, layer) in self.layers.iter().take(layers).enumerate() {
            let (own, others) = rest.split_at(layer.parameters());
            rest = others;
            let (weights, biases) = own.split_at(layer.inputs * layer.outputs);
            let (before, from) = outputs.0.split_at_mut(place);
            let input = before.last().map_or(input, Vec::as_slice);
            let out = &mut from[0];
            out.clear();
            out.extend(
                weights
                    .chunks_exact(layer.inputs)
                    .zip(biases)
                    .map(|(row, bias)| {
                        let sum = bias + dot(row, input);
                        if layer.curved { sum.tanh() } else { sum }
                    }),
            );
        }
    }

    /// Adds to `gradient` how the loss changes with the parameters, by the chain rule from the last layer to the first.
    /// `slope` has how it changes with each number of the last layer that `outputs` holds.
    pub(crate) fn learn(
        &self,
        input: &[f64],
        outputs: &Outputs,
        slope: Vec<f64>,
        gradient: &mut [f64],
    ) {
        let mut slope = slope;
        let mut end = self.parameters.len();
        for (place, layer) in self.layers.iter().enumerate().rev() {
            let start = end - layer.parameters();
            let own = &self.parameters[start..end];
            let (weights, biases) = gradient[start..end].split_at_mut(layer.inputs * layer.outputs);
            end = start;
            if layer.curved {
                let values = outputs.0[place].iter();
                let slopes = slope.iter_mut().zip(values);
                slopes.for_each(|(slope, y)| *slope *= 1.0 - y * y);
            }
            let input = match place {
                0 => input,
                _ => &outputs.0[place - 1],
            };
            let mut before = vec![0.0; layer.inputs];
            let rows = own.chunks_exact(layer.inputs);
            let gradients = weights.chunks_exact_mut(layer.inputs).zip(biases);
            for ((slope, row), (weights, bias)) in slope.iter().zip(rows).zip(gradients) {
                *bias += slope;
                for ((weight, x), (before, w)) in weights
                    .iter_mut()
                    .zip(input)
                    .zip(before.iter_mut().zip(row))
                {
                    *weight += slope * x;
                    *before += slope * w;
                }
            }
            slope = before;
        }
    }
}

/// What each layer put out for one input.
#[derive(Debug, Default)]
pub(crate) struct Outputs(Vec<Vec<f64>>);

impl Outputs {
    /// The output of a layer that was run.
    pub(crate) fn of(&self, layer: usize) -> &[f64] {
        &self.0[layer]
    }
}

/// In four sums, so that none waits for another.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a, rest_of_a) = a.as_chunks::<4>();
    let (b, rest_of_b) = b.as_chunks::<4>();
    for (a, b) in a.iter().zip(b) {
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum += a[k] * b[k];
        }
    }
    let rest = rest_of_a.iter().zip(rest_of_b).map(|(a, b)| a * b);
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

/// Steps against the gradient, each parameter's by its own past (Adam; Kingma and Ba 2015, algorithm 1).
#[derive(Debug)]
pub(crate) struct Adam {
    rate: f64,
    steps: i32,
    mean: Vec<f64>,
    square: Vec<f64>,
}

impl Adam {
    const MEAN: f64 = 0.9;
    const SQUARE: f64 = 0.999;
    const EPSILON: f64 = 1e-8;

    pub(crate) fn new(parameters: usize, rate: f64) -> Self {
        Self {
            rate,
            steps: 0,
            mean: vec![0.0; parameters],
            square: vec![0.0; parameters],
        }
    }

    pub(crate) fn step(&mut self, parameters: &mut [f64], gradient: &[f64]) {
        self.steps += 1;
        let [mean, square] = [Self::MEAN, Self::SQUARE].map(|decay| 1.0 - decay.powi(self.steps));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((parameter, gradient), (m, v)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *m += (1.0 - Self::MEAN) * (gradient - *m);
            *v += (1.0 - Self::SQUARE) * (gradient * gradient - *v);
            *parameter -= self.rate * (*m / mean) / ((*v / square).sqrt() + Self::EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn network() -> Network {
        let layer = |inputs, outputs, curved| Layer {
            inputs,
            outputs,
            curved,
        };
        let layers = vec![layer(3, 5, true), layer(5, 2, false), layer(2, 3, true)];
        Network::new(layers, &mut ChaCha8Rng::seed_from_u64(3))
    }

    fn loss(network: &Network, input: &[f64]) -> f64 {
        let mut outputs = Outputs::default();
        network.run(input, &mut outputs, 3);
        outputs.of(2).iter().map(|y| y * y).sum()
    }

    #[test]
    fn the_gradient_is_what_small_steps_find() {
        let mut network = network();
        // Biases start at zero, where a wrong sign would go unseen.
        network.parameters_mut().iter_mut().for_each(|p| *p += 0.1);
        let input = [0.3, -0.7, 1.1];
        let mut outputs = Outputs::default();
        network.run(&input, &mut outputs, 3);
        let slope = outputs.of(2).iter().map(|y| 2.0 * y).collect();
        let mut gradient = vec![0.0; network.parameters().len()];
        network.learn(&input, &outputs, slope, &mut gradient);
        for (place, slope) in gradient.iter().enumerate() {
            let step = 1e-6;
            let at = |by: f64| {
                let mut moved = network.clone();
                moved.parameters_mut()[place] += by;
                loss(&moved, &input)
            };
            // The central difference is off by step^2 / 6 times the third derivative, and rounding by eps / step.
            let found = (at(step) - at(-step)) / (2.0 * step);
            assert!((found - slope).abs() < 1e-8, "{place}");
        }
    }

    #[test]
    fn a_network_whose_parts_do_not_fit_is_told() {
        let good = network();
        assert!(good.is_sound(3) && !good.is_sound(4));
        let mut short = good.clone();
        short.parameters.pop();
        assert!(!short.is_sound(3));
        let mut broken = good.clone();
        broken.layers[1].inputs = 4;
        assert!(!broken.is_sound(3));
    }

    #[test]
    fn steps_lead_downhill() {
        let mut network = network();
        let input = [0.3, -0.7, 1.1];
        let mut adam = Adam::new(network.parameters().len(), 0.01);
        let before = loss(&network, &input);
        for _ in 0..200 {
            let mut outputs = Outputs::default();
            network.run(&input, &mut outputs, 3);
            let slope = outputs.of(2).iter().map(|y| 2.0 * y).collect();
            let mut gradient = vec![0.0; network.parameters().len()];
            network.learn(&input, &outputs, slope, &mut gradient);
            adam.step(network.parameters_mut(), &gradient);
        }
        assert!(loss(&network, &input) < before / 100.0);
    }
}
