/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subject of the symbol tests: plain C with inlined and recursive functions, and a jump table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *left, *right;
    int value;
};

static inline int mixed (int value)
{
    return (value * 1103515245 + 12345) & 0x7fffffff;
}

static struct node *new_node (int value)
{
    struct node *node = calloc (1, sizeof *node);

    if (node != NULL)
        node->value = mixed (value);
    return node;
}

static struct node *insert (struct node *root, int value)
{
    if (root == NULL)
        return new_node (value);
    if (value < root->value)
        root->left = insert (root->left, value);
    else
        root->right = insert (root->right, value);
    return root;
}

static const char *word (int value)
{
    switch (value % 7) {
    case 0:
        return "none";
    case 1:
        return "one";
    case 2:
        return "two";
    case 3:
        return "three";
    case 5:
        return getenv ("FIVE");
    default:
        return "many";
    }
}

static size_t lengths (const struct node *root)
{
    const char *text;

    if (root == NULL)
        return 0;
    text = word (root->value);
    return (text != NULL ? strlen (text) : 0) + lengths (root->left) + lengths (root->right);
}

int main (int argc, char **argv)
{
    struct node *root = NULL;

    for (int i = 0; i < 100 * argc; i++)
        root = insert (root, mixed (i));
    printf ("%s %zu\n", argv[0], lengths (root));
    return 0;
}
