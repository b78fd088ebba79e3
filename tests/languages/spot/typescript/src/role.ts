import * as aws from "@pulumi/aws";

/** A role that a service may take, with policies of AWS. */
export function role(name: string, service: string, ...policies: string[]): aws.iam.Role {
    const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: service } };
    const assumeRolePolicy = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
    const made = new aws.iam.Role(name, { assumeRolePolicy });
    for (const policy of policies) {
        const policyArn = `arn:aws:iam::aws:policy/${policy}`;
        new aws.iam.RolePolicyAttachment(`${name}-${policy}`, { role: made.name, policyArn });
    }
    return made;
}
