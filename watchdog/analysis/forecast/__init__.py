"""What breaks next: announced removals in use, missing names, prereleases."""
