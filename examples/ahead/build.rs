//! Links the object file that `run` has made.

fn main() {
    println!("cargo:rerun-if-env-changed=MODEL_OBJECT");
    if let Ok(object) = std::env::var("MODEL_OBJECT") {
        println!("cargo:rerun-if-changed={object}");
        println!("cargo:rustc-link-arg={object}");
    }
}
