//! A page with the drawing in it, needing nothing from elsewhere.

use rhapsode::expr::mathml::escaped;

/// The page.
pub fn page(title: &str, drawing: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>body {{ margin: 2rem auto; max-width: 60rem; background: #fff; }} \
         svg {{ width: 100%; height: auto; }}</style>\n</head>\n<body>\n{drawing}</body>\n</html>\n",
        escaped(title)
    )
}
