"""Networks, pictures, features, heat maps, methods and metrics. No module here knows what a grammar is."""
