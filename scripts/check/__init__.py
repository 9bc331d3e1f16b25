"""Commands that hold edgeval to a law or to another tool."""
