"""Shell verbs over the public API: `keras-lit VERB --help`."""
