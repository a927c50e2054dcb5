"""ImaGINator: one image, an action label and noise become a video (Wang et al., WACV 2020)."""
