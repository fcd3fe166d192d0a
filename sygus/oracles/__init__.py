"""What answers questions about a term: is it safe, was it seen before, what does it score?"""
