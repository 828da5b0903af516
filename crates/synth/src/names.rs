//! Words that names of artists, albums and tracks are made of.

use crate::stream::Stream;

/// Names of styles, the most common first.
pub(crate) const GENRES: [&str; 40] = [
    "indie pop",
    "hip hop",
    "alternative rock",
    "house",
    "r&b",
    "indie folk",
    "techno",
    "heavy metal",
    "country",
    "ambient",
    "punk rock",
    "jazz",
    "latin pop",
    "drum and bass",
    "soul",
    "singer-songwriter",
    "synthpop",
    "classical",
    "reggae",
    "trap",
    "blues",
    "shoegaze",
    "bossa nova",
    "afrobeat",
    "post-punk",
    "funk",
    "disco",
    "dream pop",
    "trip hop",
    "bluegrass",
    "psychedelic rock",
    "grime",
    "salsa",
    "lo-fi",
    "hardcore",
    "trance",
    "gospel",
    "dub",
    "ska",
    "new age",
];

const ONSETS: [&str; 20] = [
    "b", "br", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "st", "t", "v",
    "w", "z",
];
const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ea", "ou"];
const CODAS: [&str; 12] = ["", "", "", "", "l", "n", "r", "s", "th", "x", "nd", "ck"];

const ADJECTIVES: [&str; 48] = [
    "Amber", "Black", "Blue", "Bright", "Broken", "Burning", "Cold", "Crimson", "Crooked",
    "Distant", "Electric", "Empty", "Endless", "Faded", "Fallen", "Foreign", "Frozen", "Gentle",
    "Golden", "Hidden", "Hollow", "Holy", "Last", "Little", "Lonely", "Lost", "Lucky", "Midnight",
    "Modern", "Neon", "Open", "Pale", "Paper", "Quiet", "Restless", "Ruby", "Sacred", "Salty",
    "Secret", "Silent", "Silver", "Slow", "Strange", "Sudden", "Velvet", "Warm", "Wild", "Young",
];
const NOUNS: [&str; 64] = [
    "Animals", "Arcade", "Avenue", "Bells", "Birds", "Bones", "Bridge", "Cities", "Coast",
    "Comets", "Daylight", "Devils", "Dreams", "Echoes", "Empire", "Engines", "Eyes", "Fields",
    "Fire", "Flowers", "Garden", "Ghosts", "Glass", "Gravity", "Harbour", "Heart", "Heaven",
    "Horses", "Hours", "Island", "Kingdom", "Lanterns", "Letters", "Lights", "Lovers", "Machine",
    "Mirrors", "Moon", "Mountain", "Night", "Ocean", "Oranges", "Parade", "Radio", "Rain", "River",
    "Roads", "Rooms", "Sea", "Shadows", "Signal", "Sky", "Snow", "Stars", "Stones", "Storm",
    "Summer", "Teeth", "Tigers", "Trains", "Valley", "Water", "Winter", "Wolves",
];
const VERBS: [&str; 24] = [
    "Call",
    "Carry",
    "Chase",
    "Count",
    "Dance with",
    "Dream of",
    "Drive",
    "Fight",
    "Find",
    "Follow",
    "Forget",
    "Hold",
    "Keep",
    "Leave",
    "Miss",
    "Paint",
    "Remember",
    "Run from",
    "Sing to",
    "Stop",
    "Take",
    "Trust",
    "Wait for",
    "Wake",
];
const OBJECTS: [&str; 16] = [
    "Me",
    "You",
    "Us",
    "Them",
    "the Night",
    "the Fire",
    "Your Name",
    "My Heart",
    "the Rain",
    "Tomorrow",
    "Nobody",
    "the Light",
    "Everything",
    "the Way Home",
    "My Love",
    "the Silence",
];
const PLACES: [&str; 12] = [
    "at Dawn",
    "at Night",
    "by the Sea",
    "in June",
    "in the Dark",
    "in the City",
    "on Fire",
    "on the Run",
    "under the Bridge",
    "without You",
    "for Now",
    "again",
];

/// A pronounceable word of two or three syllables, capitalised.
fn invented(stream: &mut Stream) -> String {
    let mut word = String::new();
    for _ in 0..2 + stream.below(2) {
        word.push_str(stream.pick(&ONSETS));
        word.push_str(stream.pick(&VOWELS));
    }
    word.push_str(stream.pick(&CODAS));
    word[..1].make_ascii_uppercase();
    word
}

pub(crate) fn artist(stream: &mut Stream) -> String {
    match stream.below(6) {
        0 => format!("The {} {}", stream.pick(&ADJECTIVES), stream.pick(&NOUNS)),
        1 => format!("{} & the {}", invented(stream), stream.pick(&NOUNS)),
        2 => format!("{} {}", stream.pick(&ADJECTIVES), invented(stream)),
        3 => invented(stream),
        _ => format!("{} {}", invented(stream), invented(stream)),
    }
}

pub(crate) fn album(stream: &mut Stream) -> String {
    match stream.below(3) {
        0 => format!("{} {}", stream.pick(&ADJECTIVES), stream.pick(&NOUNS)),
        1 => format!("{} and {}", stream.pick(&NOUNS), stream.pick(&NOUNS)),
        _ => invented(stream),
    }
}

pub(crate) fn title(stream: &mut Stream) -> String {
    match stream.below(6) {
        0 => format!("{} {}", stream.pick(&ADJECTIVES), stream.pick(&NOUNS)),
        1 => format!("{} {}", stream.pick(&VERBS), stream.pick(&OBJECTS)),
        2 => format!("{} {}", stream.pick(&NOUNS), stream.pick(&PLACES)),
        3 => format!(
            "{} {} {}",
            stream.pick(&VERBS),
            stream.pick(&OBJECTS),
            stream.pick(&PLACES)
        ),
        4 => format!("{} of {}", stream.pick(&NOUNS), invented(stream)),
        _ => stream.pick(&NOUNS).to_string(),
    }
}
