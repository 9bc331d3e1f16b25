"""History of a store on pages and in sentences. Nothing here reads a store."""
